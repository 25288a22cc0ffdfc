import type { ReturnerDefinition, ReturnerHandle, ReturnItem } from '../../contract.ts'
import { optionTable } from '../option-table.ts'
import { sampleItem, sampleReturn } from './samples.ts'
import { type FailureCase, never, openWith, outcome, type ReturnerFixture, type ReturnerSuite, sendUntilStored, withFixture } from './suite.ts'

/** The destination's ways to fail, each sorted into its kind, and what was turned away stored once it is mended. */
export function testFailures<Options, Fixture extends ReturnerFixture>(suite: ReturnerSuite<Options, Fixture>): void {
  for (const failure of suite.failures ?? []) {
    suite.runner.test(`${failure.kind}: ${failure.name}`, () => withFixture(suite, (fixture) => testFailure(suite, fixture, failure)))
  }
}

async function testFailure<Options, Fixture extends ReturnerFixture>(
  { definition, runner: { expect } }: ReturnerSuite<Options, Fixture>,
  fixture: Fixture,
  { kind, message, whileOpen, provoke, mend }: FailureCase<Fixture>,
): Promise<void> {
  const one = sampleItem(sampleReturn('20250101000000000080'))
  let options = fixture.options
  const connection = reopening(() => openWith(definition, options))
  try {
    // A connection that was never used may not be one yet.
    if (whileOpen === true) expect(await outcome(connection.returner([one], never))).toBe('stored')
    const provoked = await provoke(fixture)
    options = provoked.options ?? options
    const items = provoked.items ?? [sampleItem(sampleReturn('20250101000000000081'))]
    const end = await outcome(connection.returner(items, never))
    expect(end.split(':')[0], end.slice(0, 500)).toBe(kind)
    if (message !== undefined) expect(end).toMatch(message)
    expect(secretsOf(definition, options).filter((secret) => end.includes(secret)), 'secrets in the message').toEqual([])
    await mend?.(fixture)
    options = fixture.options
    if (kind === 'permanent') expect(await outcome(connection.returner([one], never)), 'what comes after it').toBe('stored')
    else if (mend !== undefined) expect(await sendUntilStored(connection, items), 'when it is mended').toBe('stored')
  } finally {
    await connection.close()
  }
}

/** Opens when something is sent, again when that failed, as the host does. */
function reopening(open: () => Promise<ReturnerHandle>): Pick<ReturnerHandle, 'returner' | 'close'> {
  let handle: ReturnerHandle | undefined
  return {
    async returner(items: ReturnItem[], signal: AbortSignal) {
      handle ??= await open()
      await handle.returner(items, signal)
    },
    async close() {
      await handle?.close()
    },
  }
}

/** The plain texts of secret options. */
function secretsOf<Options>(definition: ReturnerDefinition<Options>, options: Record<string, unknown>): string[] {
  const values = optionTable(definition.options).filter((row) => row.secret === 'self').map((row) => options[row.name])
  return values.filter((value) => typeof value === 'string').filter((value) => value.length > 2)
}
