import { describe, expect, test } from 'vitest'
import { createFakeClock } from '../../helpers/fake-clock.ts'
import { createLogMemory } from '../../helpers/link-bench.ts'
import { createThrottledWarn } from '../../../agent/link/throttled-log.ts'
import { acceptanceWait, backoff, DEFAULT_TIMING, reconnectWait } from '../../../agent/link/timing.ts'

describe('the wait before a reconnect', () => {
  test('is a random part of a time that doubles up to the cap', () => {
    const whole = createFakeClock({ random: 1 })
    expect([0, 1, 2, 5, 6, 1000].map((failures) => backoff(whole, 1000, 60_000, failures))).toEqual([1000, 2000, 4000, 32_000, 60_000, 60_000])
    expect(backoff(createFakeClock({ random: 0 }), 1000, 60_000, 9)).toBe(0)
    expect(backoff(createFakeClock({ random: 0.25 }), 1000, 60_000, 2)).toBe(1000)
  })
})

describe('recon_randomize', () => {
  test.each([[true, [500, 1000, 5000]], [false, [1000, 2000, 10_000]]])('%j: the waits are %j', (reconnectAtRandom, expected) => {
    const timing = { ...DEFAULT_TIMING, reconnectBaseMs: 1000, reconnectCapMs: 10_000, reconnectAtRandom }
    expect([0, 1, 9].map((failures) => reconnectWait(createFakeClock({ random: 0.5 }), timing, failures))).toEqual(expected)
  })
})

describe('the wait for acceptance', () => {
  test('is always the same without a maximum', () => {
    expect([0, 1, 9].map((asked) => acceptanceWait(DEFAULT_TIMING, asked))).toEqual([10_000, 10_000, 10_000])
  })

  test('doubles up to the maximum', () => {
    const timing = { ...DEFAULT_TIMING, acceptanceWaitMaxMs: 60_000 }
    expect([0, 1, 2, 3, 99].map((asked) => acceptanceWait(timing, asked))).toEqual([10_000, 20_000, 40_000, 60_000, 60_000])
  })
})

describe('a throttled warning', () => {
  test('is said once per interval, with how often it was left unsaid', async () => {
    const clock = createFakeClock()
    const { log, lines } = createLogMemory()
    const warn = createThrottledWarn(log, clock, 1000)
    for (let times = 0; times < 5; times += 1) warn('the same', { n: times })
    warn('another')
    await clock.advance(1000)
    warn('the same', { n: 5 })
    expect(lines.map(({ message, fields }) => [message, fields])).toEqual([['the same', { n: 0 }], ['another', {}], ['the same', { n: 5, unsaid: 4 }]])
  })
})
