/**
 * One destination's breaker: whether it is well, and when to look again when it is not.
 *
 *   healthy   sends flow.
 *             → down     a failure of the destination, at once;
 *                        or when the third item in a row failed by what may be its own fault. One item that fails again
 *                        and again is one item.
 *   down      nothing is sent before `until`.
 *             → probing  the time has come and an item is in hand (`probe`).
 *             → healthy  a send that began earlier succeeded after all.
 *   probing   exactly one send of one item is under way, whatever the backlog.
 *             → healthy  any success.
 *             → down     the probe failed, in whichever way; the wait grows. Or it was given back untried.
 *
 * Failures of sends that began before the destination went down change nothing: eight of them would otherwise count as eight
 * probes. `nudge` moves `until` to now and leaves the mode.
 */
import type { Clock } from '../clock.ts'
import { retryAfterDelay, retryDelay, slowDelay } from './retry-policy.ts'
import type { RetrySettings } from './retry-policy.ts'

/** Different items that fail without a success between, after which the destination is doubted. */
const MAX_SUSPECTS = 3

export type BreakerState =
  | { mode: 'healthy'; suspects: readonly number[] }
  | { mode: 'down'; attempt: number; until: number; operator: boolean }
  | { mode: 'probing'; attempt: number; operator: boolean }

/** What a failed send says: about the item only, about the destination, or that someone has to act. */
export type Blame = 'item' | 'destination' | 'operator'

export interface Breaker {
  readonly state: BreakerState
  /** Milliseconds until something may be sent: 0 when now, Infinity while a probe is under way. */
  waitMs(): number
  /** The one send of a down destination begins. */
  probe(): void
  /** A send was answered. True when the destination was not healthy before. */
  success(): boolean
  /** A send failed. `probe`: it was the probe. `items`: the deliveries that failed. */
  failure(blame: Blame, options: { probe: boolean; items: number[]; afterMs?: number | undefined }): void
  /** Looks again now instead of later. */
  nudge(): void
}

/** A breaker that starts healthy. Times are monotonic. */
export function createBreaker(settings: RetrySettings, clock: Clock): Breaker {
  let state: BreakerState = { mode: 'healthy', suspects: [] }

  function enter(next: BreakerState): void {
    state = next
  }

  function goDown(attempt: number, blame: Blame, afterMs: number | undefined): void {
    const random = clock.random()
    let wait = retryDelay(settings, attempt, random)
    if (blame === 'operator') wait = slowDelay(settings, random)
    else if (afterMs !== undefined) wait = retryAfterDelay(settings, afterMs, attempt, random)
    enter({ mode: 'down', attempt, until: clock.monotonic() + wait, operator: blame === 'operator' })
  }

  return {
    get state() {
      return state
    },
    waitMs() {
      switch (state.mode) {
        case 'healthy':
          return 0
        case 'down':
          return Math.max(0, state.until - clock.monotonic())
        case 'probing':
          return Infinity
        default:
          return state satisfies never
      }
    },
    probe() {
      if (state.mode !== 'down') throw new Error(`a probe from ${state.mode}`)
      enter({ mode: 'probing', attempt: state.attempt, operator: state.operator })
    },
    success() {
      const recovered = state.mode !== 'healthy'
      enter({ mode: 'healthy', suspects: [] })
      return recovered
    },
    failure(blame, { probe, items, afterMs }) {
      switch (state.mode) {
        case 'healthy': {
          const suspects = [...new Set([...state.suspects, ...items])]
          if (blame === 'item' && suspects.length < MAX_SUSPECTS) return enter({ mode: 'healthy', suspects })
          return goDown(1, blame, afterMs)
        }
        case 'probing':
          if (probe) goDown(state.attempt + 1, blame, afterMs)
          return
        case 'down':
          return
        default:
          state satisfies never
      }
    },
    nudge() {
      if (state.mode === 'down') enter({ ...state, until: clock.monotonic() })
    },
  }
}
