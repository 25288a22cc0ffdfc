import type { Clock } from '../clock.ts'
import type { ClaimedDelivery, Outbox } from '../outbox/port.ts'
import type { DrainRate, Queue } from './drain-rate.ts'
import { isTroubled } from './judgement.ts'

/** Takes from the outbox what one lane sends next. */
export interface Claimer {
  /** The next batch of a healthy destination; empty when nothing may go now. */
  take(maxItems: number, maxBytes: number): ClaimedDelivery[]
  /** The one item that a down destination is tried with, whatever the rates; empty when nothing is due. */
  takeProbe(): ClaimedDelivery[]
  /** After an empty take: milliseconds until another may find something, Infinity when only a commit can bring it. */
  waitMs(): number
  /** What is stored when the next claim is made becomes backlog. */
  moveBoundary(): void
}

/** The shortest wait for a set-aside item, milliseconds: one that is due and yet not to be had must not spin the lane. */
const MIN_DUE_WAIT_MS = 1000

/** A probe is chosen from this many, by the fewest failures: an item that may itself be at fault proves nothing about the destination. */
const PROBE_CANDIDATES = 16
const PROBE_BYTES = 2 ** 20

/**
 * The claiming side of a lane. Due times cross to the outbox as wall-clock times of this very moment; it keeps them in uptime, so
 * that a step of the wall clock moves none.
 * @throws what the outbox throws
 */
export function createClaimer(destination: string, outbox: Outbox, drain: DrainRate, clock: Clock): Claimer {
  let boundary = outbox.lastReturnId()
  let boundaryMoves = false
  let throttled = false

  function claim(queue: Queue, limit: number, maxBytes: number): ClaimedDelivery[] {
    if (boundaryMoves) boundary = outbox.lastReturnId()
    boundaryMoves = false
    return outbox.claim({ destination, queue, boundary, limit, maxBytes, now: clock.now() })
  }

  /** An item that failed repeatedly is sent alone, so that it does not fail a batch of healthy ones. */
  function keepSendable(items: ClaimedDelivery[]): ClaimedDelivery[] {
    const troubled = items.findIndex(isTroubled)
    if (troubled < 0 || items.length === 1) return items
    const kept = items.slice(0, Math.max(1, troubled))
    outbox.release(items.slice(kept.length).map((item) => item.deliveryId))
    return kept
  }

  return {
    take(maxItems, maxBytes) {
      throttled = false
      for (const { queue, limit } of drain.turns()) {
        if (limit < 1) {
          throttled = true
          continue
        }
        const items = keepSendable(claim(queue, Math.min(maxItems, limit), maxBytes))
        if (items.length > 0) {
          drain.took(queue, items.length)
          return items
        }
        if (queue === 'backlog') drain.backlogIdle()
      }
      return []
    },
    takeProbe() {
      throttled = false
      const candidates = claim('fresh', PROBE_CANDIDATES, PROBE_BYTES)
      if (candidates.every(isTroubled)) candidates.push(...claim('backlog', PROBE_CANDIDATES, PROBE_BYTES))
      const probe = candidates.toSorted((a, b) => a.attempts - b.attempts)[0]
      outbox.release(candidates.filter((item) => item !== probe).map((item) => item.deliveryId))
      return probe === undefined ? [] : [probe]
    },
    waitMs() {
      const due = outbox.nextDue(destination)
      const untilDue = due === null ? Infinity : due - clock.now()
      const untilToken = throttled ? drain.waitMs() : Infinity
      return Math.min(untilToken, untilDue > 0 ? untilDue : MIN_DUE_WAIT_MS)
    },
    moveBoundary() {
      boundaryMoves = true
    },
  }
}
