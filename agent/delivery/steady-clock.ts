import type { Clock } from '../clock.ts'

/** Wall-clock milliseconds that never step. */
export type SteadyNow = () => number

/**
 * The wall clock as it was when this was made, carried forward by the monotonic one. Due times are written and compared in
 * this time, so that a step of the wall clock neither holds back nor releases anything. The outbox brings stored due times
 * into reach at start, which is when this clock is made anew.
 */
export function createSteadyClock(clock: Clock): SteadyNow {
  const offset = clock.now() - clock.monotonic()
  return () => offset + clock.monotonic()
}
