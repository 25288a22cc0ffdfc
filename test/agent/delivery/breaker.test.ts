import { describe, expect, it } from 'vitest'
import { createBreaker } from '../../../agent/delivery/breaker.ts'
import type { Breaker } from '../../../agent/delivery/breaker.ts'
import { DEFAULT_RETRY } from '../../../agent/delivery/retry-policy.ts'
import { createFakeClock } from '../../helpers/fake-clock.ts'
import type { FakeClock } from '../../helpers/fake-clock.ts'

function make(random = 0.5): { breaker: Breaker; clock: FakeClock } {
  const clock = createFakeClock({ random })
  return { breaker: createBreaker(DEFAULT_RETRY, clock), clock }
}

/** Waits as long as the breaker says, then fails the probe. Returns the wait. */
async function failProbe({ breaker, clock }: { breaker: Breaker; clock: FakeClock }): Promise<number> {
  const waitMs = breaker.waitMs()
  await clock.advance(waitMs)
  breaker.probe()
  breaker.failure('destination', { probe: true, items: [1] })
  return waitMs
}

describe('the breaker', () => {
  it('goes down at the first failure of the destination', () => {
    const { breaker } = make()
    breaker.failure('destination', { probe: false, items: [1] })

    expect(breaker.state.mode).toBe('down')
    expect(breaker.waitMs()).toBe(500)
  })

  it('waits longer after each failed probe, up to the cap', async () => {
    const made = make()
    made.breaker.failure('destination', { probe: false, items: [1] })
    const waits: number[] = []
    for (let index = 0; index < 9; index += 1) waits.push(await failProbe(made))

    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
  })

  it('lets nothing go while a probe is under way', async () => {
    const { breaker, clock } = make()
    breaker.failure('destination', { probe: false, items: [1] })
    await clock.advance(500)
    breaker.probe()

    expect(breaker.waitMs()).toBe(Infinity)
    expect(() => breaker.probe()).toThrow('probing')
  })

  it('is reset by any success', async () => {
    const made = make()
    made.breaker.failure('destination', { probe: false, items: [1] })
    await failProbe(made)
    await failProbe(made)

    expect(made.breaker.success()).toBe(true)
    expect(made.breaker.success()).toBe(false)
    made.breaker.failure('destination', { probe: false, items: [1] })
    expect(made.breaker.waitMs()).toBe(500)
  })

  it('does not count sends that began before it went down as probes', () => {
    const { breaker } = make()
    for (let index = 0; index < 8; index += 1) breaker.failure('destination', { probe: false, items: [1] })

    expect(breaker.state).toMatchObject({ mode: 'down', attempt: 1 })
  })

  it('doubts the destination only after the third item in a row, and not for one that fails again and again', () => {
    const { breaker } = make()
    for (let index = 0; index < 100; index += 1) breaker.failure('item', { probe: false, items: [1] })
    breaker.failure('item', { probe: false, items: [2] })
    expect(breaker.state.mode).toBe('healthy')
    breaker.success()
    breaker.failure('item', { probe: false, items: [3] })
    breaker.failure('item', { probe: false, items: [4] })
    expect(breaker.state.mode).toBe('healthy')
    breaker.failure('item', { probe: false, items: [5] })

    expect(breaker.state.mode).toBe('down')
  })

  it('waits about an hour for an operator, and not at all once nudged', () => {
    const { breaker } = make()
    breaker.failure('operator', { probe: false, items: [1] })
    expect(breaker.waitMs()).toBe(3_600_000)
    breaker.nudge()

    expect(breaker.waitMs()).toBe(0)
    expect(breaker.state.mode).toBe('down')
  })

  it('honours the time that the destination named', () => {
    const { breaker } = make()
    breaker.failure('destination', { probe: false, items: [1], afterMs: 90_000 })

    expect(breaker.waitMs()).toBe(90_500)
  })
})
