import { describe, expect, test } from 'vitest'
import type { ValueObject } from '../../../agent/wire/value.ts'
import recorded from '../../fixtures/config-module.json' with { type: 'json' }
import { createHarness } from '../jobs/harness.ts'

/** Null-prototype maps of the wire, and maps with other keys, as plain JSON. */
const plain = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_key, item: unknown) => (item instanceof Map ? Object.fromEntries(item as Map<string, unknown>) : item)))

describe('config', () => {
  test("gives the results of Salt's own module", async () => {
    const { options, grains, pillar, calls } = recorded as unknown as { options: ValueObject; grains: ValueObject; pillar: ValueObject; calls: { fun: string; args: unknown[]; kwargs: object; result: unknown }[] }
    const harness = createHarness({ grains, pillar, settings: { options } })
    try {
      for (const { fun, args, kwargs, result } of calls) {
        const returned = await harness.run(fun, [...args, { __kwarg__: true, ...kwargs }])
        expect([fun, args, kwargs, plain(returned.return)]).toEqual([fun, args, kwargs, result])
      }
      expect((await harness.run('config.items')).return).toEqual(options)
    } finally {
      await harness.close()
    }
  }, 60_000)
})
