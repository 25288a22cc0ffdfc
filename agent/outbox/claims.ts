import type { Database } from 'better-sqlite3'
import type { Books } from './books.ts'
import { deliveryId, splitDeliveryId } from './deliveries.ts'
import type { ClaimedDelivery, ClaimRequest } from './port.ts'
import type { Returns } from './returns.ts'
import { STATE } from './schema.ts'

/**
 * Which deliveries are in a lane's hands. In memory only, so that a crash releases them; as many as lanes hold, whatever
 * the backlog.
 */
export interface Claims {
  has(id: number): boolean
  add(id: number): void
  remove(id: number): void
  /** How many of a destination's deliveries are claimed. */
  count(destinationId: number): number
  clear(): void
}

/** Nothing is claimed. */
export function createClaims(): Claims {
  const held = new Set<number>()
  const counts = new Map<number, number>()
  const adjust = (id: number, by: number) => {
    const { destinationId } = splitDeliveryId(id)
    counts.set(destinationId, (counts.get(destinationId) ?? 0) + by)
  }
  return {
    has: (id) => held.has(id),
    add(id) {
      if (!held.has(id)) adjust(id, 1)
      held.add(id)
    },
    remove(id) {
      if (held.delete(id)) adjust(id, -1)
    },
    count: (destinationId) => counts.get(destinationId) ?? 0,
    clear() {
      held.clear()
      counts.clear()
    },
  }
}

/** Takes deliveries out of the queues. */
export interface Claimer {
  /**
   * `uptimeNow` is the request's `now` as uptime. `damaged` gets the returns that cannot be delivered to anyone, and the
   * claims that keep them out of the way until they are gone.
   */
  claim(request: ClaimRequest, uptimeNow: number, damaged: (returnId: number, claimed: number) => void): ClaimedDelivery[]
  /** Uptime at which the destination's first set-aside delivery that nobody holds is due; null when none waits. */
  nextDue(destination: string): number | null
}

interface Candidate {
  return_id: number
  bytes: number
  attempts: number
}

/** The queues of one connection, as the books' destinations see them. */
export function createClaimer(database: Database, books: Books, returns: Returns, claims: Claims): Claimer {
  const columns = 'SELECT return_id, bytes, attempts FROM deliveries'
  const ready = database.prepare<[number, number, number, number], Candidate>(
    `${columns} WHERE destination_id = ? AND state = ${STATE.ready} AND return_id > ? AND return_id <= ? ORDER BY return_id LIMIT ?`,
  )
  const due = database.prepare<[number, number, number, number, number], Candidate>(
    `${columns} WHERE destination_id = ? AND state = 1 AND due <= ? AND return_id > ? AND return_id <= ? ORDER BY due, return_id LIMIT ?`,
  )
  const firstDue = database.prepare<[number, number], { return_id: number; due: number }>(
    'SELECT return_id, due FROM deliveries WHERE destination_id = ? AND state = 1 ORDER BY due LIMIT ?',
  )

  /** The request's candidates in the order of their acceptance: those that are ready and those whose time has come. */
  function candidates(destinationId: number, request: ClaimRequest, uptimeNow: number): Candidate[] {
    const [above, upTo] = request.queue === 'fresh' ? [request.boundary, Number.MAX_SAFE_INTEGER] : [0, request.boundary]
    const wanted = request.limit + claims.count(destinationId)
    const rows = ready.all(destinationId, above, upTo, wanted)
    const late = due.all(destinationId, uptimeNow, above, upTo, wanted)
    return late.length === 0 ? rows : [...rows, ...late].toSorted((a, b) => a.return_id - b.return_id)
  }

  return {
    claim(request, uptimeNow, damaged) {
      const ledger = books.find(request.destination)
      if (ledger === undefined || ledger.queued === 0) return []
      const taken: ClaimedDelivery[] = []
      let bytes = 0
      for (const candidate of candidates(ledger.id, request, uptimeNow)) {
        const id = deliveryId(candidate.return_id, ledger.id)
        if (claims.has(id)) continue
        if (taken.length >= request.limit || (taken.length > 0 && bytes + candidate.bytes > request.maxBytes)) break
        const stored = returns.read(candidate.return_id)
        claims.add(id)
        if (stored === 'damaged') {
          damaged(candidate.return_id, id)
          continue
        }
        bytes += candidate.bytes
        const { jid, minionId, fun, body, acceptedAt } = stored
        taken.push({ deliveryId: id, returnId: stored.id, jid, minionId, fun, body, attempts: candidate.attempts, acceptedAt })
      }
      return taken
    },
    nextDue(destination) {
      const ledger = books.find(destination)
      if (ledger === undefined) return null
      const waiting = firstDue.all(ledger.id, claims.count(ledger.id) + 1)
      return waiting.find((row) => !claims.has(deliveryId(row.return_id, ledger.id)))?.due ?? null
    },
  }
}
