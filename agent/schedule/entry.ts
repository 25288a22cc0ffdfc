/**
 * When one item of a schedule is due.
 *
 *   idle ──▶ waiting ──▶ due ──▶ waiting | idle
 *                │        └──▶ held ──▶ due
 *                └──▶ missed ──▶ waiting | idle
 *
 * `idle`: there is no next time (a `once` that is past, an item that only runs when told). `waiting`: there is one. `due`: it has
 * come, and the gates decide (gates.ts). `held`: an interval whose range has not begun; it stays due. `missed`: see below.
 *
 * The rules:
 * - seconds, minutes, hours and days add up to one interval, on the monotonic clock: a step of the wall clock changes nothing.
 *   The first run comes one interval after the item was seen; the next one interval after the last due time, or after now when
 *   that is past already or the run was skipped. A start of the agent begins anew, as in Salt.
 * - cron, when, once and run_explicit mean moments of the wall clock, which is looked at whenever a timer ends, and at least every
 *   minute. A moment that has fired does not fire again, also when the clock steps back over it; what a step back makes future
 *   again and has not fired is waited for anew.
 * - A clock that steps forward over moments: cron runs once, late, whatever the number of moments (as in Salt). when, once and
 *   run_explicit run when they are at most a minute late (Salt: one `loop_interval`, a second) and are missed otherwise.
 * - At the start, and when an item is new, moments of more than a second ago count as past.
 * - splay: a random number of whole seconds is added to each due time. It is drawn once per due time.
 */
import type { Clock } from '../clock.ts'
import { nextCron } from './cron.ts'
import { nextMoment } from './date-text.ts'
import type { Item, Splay } from './item.ts'

/** A due time to come. `base`: without splay. Wall-clock milliseconds since the epoch, or monotonic ones for an interval. */
export interface Waiting {
  clock: 'wall' | 'monotonic'
  base: number
  at: number
}

/** Both clocks at one moment. */
export interface Now {
  wall: number
  monotonic: number
}

/** How late a moment that is no cron's may still run. */
const graceMs = 60_000
/** How long ago counts as now for an item that is new (Salt's loop_interval). */
const newToleranceMs = 1000
/** Fired moments remembered per item: more than a cron of every minute has in the hour that clocks go back. */
const maxFired = 128

/** What is due, and since when (wall-clock milliseconds). */
export interface Due {
  at: number
}

/** The due times of one item. */
export interface DueTimes {
  readonly waiting: Waiting | undefined
  /** Looks for the next due time where there is none, and says whether one has come. What is missed is passed over. */
  check(now: Now): Due | undefined
  /** The run that was due has started, or was skipped; or, for an interval, a run came without being due. */
  done(now: Now, outcome: 'ran' | 'skipped'): void
  /** Also due at this moment. */
  addExplicit(at: number): void
  /** The wall clock stepped back. */
  steppedBack(): void
  /** Milliseconds until it should be checked again; undefined when only a step of the clock could change anything. */
  wait(now: Now): number | undefined
}

/** Due times that begin now. `item`: read anew each time, since it may be changed in what does not touch its times. */
export function createDueTimes(item: () => Item, clock: Pick<Clock, 'random'>, since: Now): DueTimes {
  let waiting: Waiting | undefined
  const fired: number[] = []
  const added: number[] = []

  function remember(at: number): void {
    fired.push(at)
    if (fired.length > maxFired) fired.shift()
  }

  function explicit(): number[] {
    return [...item().runExplicit, ...added].filter((at) => at >= since.wall - newToleranceMs && !fired.includes(at))
  }

  function next(now: Now): Waiting | undefined {
    const { timing, splay } = item()
    if (timing.kind === 'interval') return withSplay('monotonic', now.monotonic + timing.ms, splay)
    const base = nextWall(now.wall)
    return base === undefined ? undefined : withSplay('wall', base, splay)
  }

  function nextWall(wall: number): number | undefined {
    const { timing } = item()
    if (timing.kind === 'cron') return unfired((from) => nextCron(timing.cron, from), wall)
    if (timing.kind === 'once') return timing.at >= wall - newToleranceMs && !fired.includes(timing.at) ? timing.at : undefined
    if (timing.kind !== 'when') return undefined
    const moments = timing.dates.map((date) => unfired((from) => nextMoment(date, from + 1), wall - newToleranceMs - 1))
    const ahead = moments.filter((at) => at !== undefined)
    return ahead.length === 0 ? undefined : Math.min(...ahead)
  }

  function unfired(after: (from: number) => number | undefined, from: number): number | undefined {
    let at = after(from)
    while (at !== undefined && fired.includes(at)) at = after(at)
    return at
  }

  function withSplay(kind: Waiting['clock'], base: number, splay: Splay | undefined): Waiting {
    const seconds = splay === undefined ? 0 : splay.first + Math.floor(clock.random() * (splay.last - splay.first + 1))
    return { clock: kind, base, at: base + seconds * 1000 }
  }

  function reached(now: Now): number | undefined {
    if (waiting === undefined) return undefined
    if (waiting.clock === 'monotonic') return waiting.at <= now.monotonic ? now.wall - (now.monotonic - waiting.at) : undefined
    if (waiting.at > now.wall) return undefined
    if (item().timing.kind === 'cron' || now.wall - waiting.at <= graceMs) return waiting.at
    remember(waiting.base)
    waiting = next(now)
    return undefined
  }

  return {
    get waiting() {
      return waiting
    },
    check(now) {
      waiting ??= next(now)
      const told = explicit().filter((at) => at <= now.wall && now.wall - at <= graceMs)
      for (const at of told) remember(at)
      const at = reached(now)
      const due = at ?? told.at(-1)
      return due === undefined ? undefined : { at: due }
    },
    done(now, outcome) {
      const { timing } = item()
      if (timing.kind === 'interval') {
        const late = outcome === 'skipped' || waiting === undefined || waiting.at > now.monotonic || waiting.at + timing.ms <= now.monotonic
        waiting = next({ ...now, monotonic: late ? now.monotonic : (waiting?.at ?? now.monotonic) })
      } else if (waiting !== undefined && waiting.at <= now.wall) {
        remember(waiting.base)
        waiting = next(now)
      }
    },
    addExplicit(at) {
      if (!added.includes(at)) added.push(at)
      if (added.length > maxFired) added.shift()
    },
    steppedBack() {
      if (waiting?.clock === 'wall') waiting = undefined
    },
    wait(now) {
      const waits = explicit().filter((at) => at > now.wall).map((at) => at - now.wall)
      if (waiting !== undefined) waits.push(waiting.at - (waiting.clock === 'wall' ? now.wall : now.monotonic))
      return waits.length === 0 ? undefined : Math.max(0, Math.min(...waits))
    },
  }
}
