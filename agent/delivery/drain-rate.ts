/**
 * Whose turn it is: what was accepted since the destination was last healthy (fresh), or what piled up before (backlog).
 *
 * Fresh goes first. The backlog has two incomes, counted in items: a bounded and jittered number per second, spent only when
 * nothing fresh waits; and one item for every four fresh ones, spent before the next fresh one. So the backlog gets at least a fifth
 * of the sends however busy the minion is, and a destination that comes back meets a trickle, not a flood.
 */
import type { Clock } from '../clock.ts'

export interface DrainSettings {
  /** Backlog items per second, on average. */
  perSecond: number
  /** Most items that unused time may save up. */
  burst: number
}

export const DEFAULT_DRAIN: DrainSettings = { perSecond: 200, burst: 50 }

/** Fresh items that pay for one of the backlog. */
const FRESH_PER_BACKLOG = 4

export type Queue = 'fresh' | 'backlog'

export interface DrainRate {
  /** The queues to try, in order, with how many items each may send now. */
  turns(): { queue: Queue; limit: number }[]
  /** Items of a queue were taken. */
  took(queue: Queue, count: number): void
  /** The backlog had nothing to send: its share is not saved up. */
  backlogIdle(): void
  /** Milliseconds until the backlog may send again; 0 when it may now. */
  waitMs(): number
  /** The destination is back: starts again from an empty purse. */
  restart(): void
}

/** A fair share and a token bucket on the monotonic clock. */
export function createDrainRate(settings: DrainSettings, clock: Clock): DrainRate {
  const intervalMs = 1000 / settings.perSecond
  let tokens = 0
  let share = 0
  let nextTokenAt = clock.monotonic() + jittered()

  /** Half to one and a half of the interval, so that minions that recovered together do not stay in step. */
  function jittered(): number {
    return intervalMs * (0.5 + clock.random())
  }

  function refill(): void {
    const now = clock.monotonic()
    while (now >= nextTokenAt && tokens < settings.burst) {
      tokens += 1
      nextTokenAt += jittered()
    }
    if (now >= nextTokenAt) nextTokenAt = now + jittered()
  }

  return {
    turns() {
      refill()
      if (share >= 1) {
        return [{ queue: 'backlog', limit: Math.floor(share) }, { queue: 'fresh', limit: Infinity }]
      }
      return [{ queue: 'fresh', limit: Infinity }, { queue: 'backlog', limit: tokens }]
    },
    took(queue, count) {
      if (queue === 'fresh') {
        share += count / FRESH_PER_BACKLOG
        return
      }
      const shared = Math.min(count, Math.floor(share))
      share -= shared
      tokens = Math.max(0, tokens - (count - shared))
    },
    backlogIdle() {
      share = 0
    },
    waitMs() {
      refill()
      return share >= 1 || tokens >= 1 ? 0 : Math.max(0, nextTokenAt - clock.monotonic())
    },
    restart() {
      tokens = 0
      share = 0
      nextTokenAt = clock.monotonic() + jittered()
    },
  }
}
