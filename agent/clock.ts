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

/** The machine's own clock and randomness. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  timer(ms, callback) {
    const handle = setTimeout(callback, ms)
    return () => clearTimeout(handle)
  },
  random: () => Math.random(),
}
