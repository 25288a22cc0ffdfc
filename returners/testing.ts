/**
 * The contract suite, which every returner passes: ours, and a site's own. Import it as `brine/testing`.
 *
 * It needs a test runner with Vitest's `describe`, `test` and `expect`, which the caller passes in.
 */
import { testDefinition, testLife } from './lib/suite/definition-tests.ts'
import { testDelivery, testReplay } from './lib/suite/delivery-tests.ts'
import { testFailures } from './lib/suite/failure-tests.ts'
import { testHostileValues } from './lib/suite/hostile-tests.ts'
import { testJobCache } from './lib/suite/job-cache-tests.ts'
import type { ReturnerFixture, ReturnerSuite } from './lib/suite/suite.ts'

export type { FailureCase, FailureKind, Provoked, ReturnerFixture, ReturnerSuite, TestNetwork, TestRunner } from './lib/suite/suite.ts'
export { sampleBatch, sampleContext, sampleItem, sampleReturn } from './lib/suite/samples.ts'
export { type ProxyTarget, type TcpProxy, tcpProxy } from './lib/tcp-proxy.ts'

/** Registers the contract suite for one returner. */
export function testReturner<Options, Fixture extends ReturnerFixture>(suite: ReturnerSuite<Options, Fixture>): void {
  const { runner, definition } = suite
  runner.describe(`the returner contract: ${definition.name}`, () => {
    testDefinition(suite)
    testLife(suite)
    testDelivery(suite)
    testReplay(suite)
    testHostileValues(suite)
    testJobCache(suite)
    testFailures(suite)
  })
}
