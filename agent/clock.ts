/** Time and chance, injected wherever behaviour depends on them, so that tests decide both. */
export interface Clock {
  /** Wall-clock milliseconds since the epoch: for records people read. May step. */
  now(): number
  /** Monotonic milliseconds: for intervals and ages. */
  monotonic(): number
  /** Calls back once after `ms`; the returned function cancels it. */
  timer(ms: number, callback: () => void): () => void
  /** In [0, 1). */
  random(): number
}

/** Node's longest timer, 24.8 days; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/**
 * The last stretch of a timer, milliseconds. Where the process was stopped or kept busy over the time before it, what came meanwhile is read in this stretch: a limit is
 * not taken for passed whose answer is there.
 */
const LAST_MS = 100

/** The machine's own clock and randomness. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  timer(ms, callback) {
    let left = ms
    const next = (): NodeJS.Timeout => {
      const part = left > LAST_MS ? Math.min(left - LAST_MS, LONGEST_TIMER_MS) : left
      left -= part
      return setTimeout(() => {
        if (left > 0) handle = next()
        else callback()
      }, part)
    }
    let handle = next()
    return () => clearTimeout(handle)
  },
  random: () => Math.random(),
}
