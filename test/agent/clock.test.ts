import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../agent/clock.ts'

const DAY_MS = 86_400_000

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

describe('a timer', () => {
  test.each([1, DAY_MS, 60 * DAY_MS])('of %i ms fires then, once, and not before', (ms) => {
    const fired = vi.fn<() => void>()
    systemClock.timer(ms, fired)

    vi.advanceTimersByTime(ms - 1)
    expect(fired).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(fired).toHaveBeenCalledOnce()
    vi.advanceTimersByTime(100 * DAY_MS)
    expect(fired).toHaveBeenCalledOnce()
  })

  test('longer than any of Node\'s is cancelled at every moment', () => {
    const fired = vi.fn<() => void>()
    const cancel = systemClock.timer(60 * DAY_MS, fired)

    vi.advanceTimersByTime(50 * DAY_MS)
    cancel()
    vi.advanceTimersByTime(50 * DAY_MS)

    expect(fired).not.toHaveBeenCalled()
    expect(vi.getTimerCount()).toBe(0)
  })
})
