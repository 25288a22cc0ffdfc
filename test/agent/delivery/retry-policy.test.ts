import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ceiling, DEFAULT_RETRY, retryAfterDelay, retryDelay, slowDelay } from '../../../agent/delivery/retry-policy.ts'

const settings = fc.record({
  baseMs: fc.integer({ min: 1, max: 10_000 }),
  capMs: fc.integer({ min: 1, max: 600_000 }),
  slowMs: fc.integer({ min: 1, max: 86_400_000 }),
})
const attempt = fc.integer({ min: 1, max: 1_000_000 })
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

describe('the retry policy', () => {
  it('doubles its ceiling from one second to a minute', () => {
    const ceilings = [1, 2, 3, 4, 5, 6, 7, 8, 5000].map((one) => ceiling(DEFAULT_RETRY, one))

    expect(ceilings).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000])
  })

  it('waits anything from nothing to the ceiling, evenly', () => {
    expect(retryDelay(DEFAULT_RETRY, 7, 0)).toBe(0)
    expect(retryDelay(DEFAULT_RETRY, 7, 0.25)).toBe(15_000)
    expect(retryDelay(DEFAULT_RETRY, 7, 0.75)).toBe(45_000)
  })

  it('is finite, within the cap, and never gives up, for every attempt', () => {
    fc.assert(fc.property(settings, attempt, random, (given, tries, chance) => {
      const delay = retryDelay(given, tries, chance)

      expect(delay).toBeGreaterThanOrEqual(0)
      expect(delay).toBeLessThanOrEqual(given.capMs)
    }))
  })

  it('never shrinks its ceiling as failures go on', () => {
    fc.assert(fc.property(settings, attempt, (given, tries) => {
      expect(ceiling(given, tries + 1)).toBeGreaterThanOrEqual(ceiling(given, tries))
    }))
  })

  it('comes back no earlier than the destination asked, and not all at that moment', () => {
    expect(retryAfterDelay(DEFAULT_RETRY, 120_000, 1, 0)).toBe(120_000)
    expect(retryAfterDelay(DEFAULT_RETRY, 120_000, 1, 0.5)).toBe(120_500)
  })

  it('does not let a destination send it away for days, nor into nonsense', () => {
    fc.assert(fc.property(settings, fc.double(), attempt, random, (given, after, tries, chance) => {
      const delay = retryAfterDelay(given, after, tries, chance)

      expect(delay).toBeGreaterThanOrEqual(0)
      expect(delay).toBeLessThanOrEqual(given.slowMs + given.capMs)
    }))
  })

  it('looks about once an hour at what an operator must mend', () => {
    expect(slowDelay(DEFAULT_RETRY, 0)).toBe(3_240_000)
    expect(slowDelay(DEFAULT_RETRY, 0.5)).toBe(3_600_000)
    expect(slowDelay(DEFAULT_RETRY, 0.999)).toBeLessThan(3_960_000)
  })
})
