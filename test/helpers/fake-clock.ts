import type { Clock } from '../../agent/clock.ts'

/** A clock that stands still until a test moves it. */
export interface FakeClock extends Clock {
  /**
   * Moves time forward by `ms`, running the timers on the way in their order. Promises get their turn before the start
   * and after every timer, so that what a callback begins may set the next timer in time.
   */
  advance(ms: number): Promise<void>
  /** Steps the wall clock alone, as an operator or NTP would. */
  stepWall(ms: number): void
  /** Milliseconds until each pending timer, soonest first. */
  pending(): number[]
}

interface Timer {
  at: number
  order: number
  callback: () => void
}

/** A fake clock. `random` is a fixed number, or a function for a sequence; default 0.5. */
export function createFakeClock(options: { now?: number; random?: number | (() => number) } = {}): FakeClock {
  const timers = new Set<Timer>()
  let wall = options.now ?? 1_700_000_000_000
  let monotonic = 1000
  let order = 0
  const random = options.random ?? 0.5

  function next(until: number): Timer | undefined {
    let first: Timer | undefined
    for (const timer of timers) {
      if (timer.at > until) continue
      if (first === undefined || timer.at < first.at || (timer.at === first.at && timer.order < first.order)) first = timer
    }
    return first
  }

  function moveTo(at: number): void {
    wall += at - monotonic
    monotonic = at
  }

  return {
    now: () => wall,
    monotonic: () => monotonic,
    random: () => (typeof random === 'number' ? random : random()),
    timer(ms, callback) {
      order += 1
      const timer = { at: monotonic + Math.max(0, ms), order, callback }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    async advance(ms) {
      const end = monotonic + ms
      await turns()
      for (let timer = next(end); timer !== undefined; timer = next(end)) {
        timers.delete(timer)
        moveTo(Math.max(monotonic, timer.at))
        timer.callback()
        await turns()
      }
      moveTo(end)
      await turns()
    },
    stepWall(ms) {
      wall += ms
    },
    pending: () => [...timers].map((timer) => timer.at - monotonic).toSorted((a, b) => a - b),
  }
}

/** Lets everything that is ready run: promises and their followers, and one round of the event loop. */
export async function turns(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(resolve)
  })
}
