import type { Database } from 'better-sqlite3'
import type { Books, Held, Ledger } from './books.ts'
import { walBytes } from './database.ts'
import type { Claims } from './claims.ts'
import { deliveryId, type Deliveries } from './deliveries.ts'
import type { Kept } from './kept.ts'
import type { Priority } from './port.ts'
import { REASON, type Reason } from './gaps.ts'
import { largestReturn, type OutboxLimits } from './settings.ts'

/**
 * What leaves when a limit is reached: kept returns first, then the oldest of the least important deliveries, and those
 * in a lane's hands never. Everything here runs inside the transaction that made it necessary.
 */
export interface Bounds {
  /** Frees room for a commit of about this many bytes, before its rows are written. */
  makeRoom(bytes: number): void
  /** Enforces every limit on what the commit changed, after its rows are written. */
  enforce(): void
  /** Drops what is older than the age limit, a few returns at a time; true when more may be left. */
  expire(uptime: number): boolean
  /** Whether a return of this size is larger than all that one destination may hold. */
  neverFits(bytes: number): boolean
  /** Forgets where the last searches ended. */
  reload(): void
}

/** A delivery that might go, with the return it belongs to. */
interface Candidate extends Held {
  return_id: number
  destination_id: number
}

/** Candidates read per search. */
const step = 64

const priorities: readonly Priority[] = [0, 1, 2]

/** The bounds over one connection. */
export function createBounds(
  database: Database,
  parts: { books: Books; deliveries: Deliveries; kept: Kept; claims: Claims; limits: OutboxLimits },
): Bounds {
  const { books, deliveries, kept, claims, limits } = parts
  const columns = 'SELECT return_id, destination_id, bytes, priority, state FROM deliveries'
  const oldest = database.prepare<[Priority, number, number], Candidate>(
    `${columns} WHERE priority = ? AND return_id >= ? ORDER BY return_id, destination_id LIMIT ?`,
  )
  const oldestOf = database.prepare<[number, Priority, number, number], Candidate>(
    `${columns} WHERE +destination_id = ? AND priority = ? AND return_id >= ? ORDER BY return_id LIMIT ?`,
  )
  const ofReturn = database.prepare<[number], Candidate>(`${columns} WHERE return_id = ?`)
  const aged = database.prepare<[number, number], number>(
    `SELECT id FROM returns WHERE uptime < ? AND id IN (SELECT DISTINCT return_id FROM deliveries ORDER BY return_id LIMIT ?) ORDER BY id`,
  ).pluck()
  const pages = database.prepare<[], number>('PRAGMA page_count').pluck()
  const freePages = database.prepare<[], number>('PRAGMA freelist_count').pluck()
  const pageBytes = Number(database.pragma('page_size', { simple: true }))
  /** Where the search of a scope and priority last found something: nothing is below, until a search wraps. */
  const lowest = new Map<string, number>()

  /** What the WAL may take is set aside, so that database and WAL together stay within the limit. */
  const databaseBytes = Math.max(limits.totalBytes / 2, limits.totalBytes - 2 * walBytes)
  const perDestination = { bytes: largestReturn(limits), rows: limits.maxRows * limits.destinationShare }

  const usedBytes = () => ((pages.get() ?? 0) - (freePages.get() ?? 0)) * pageBytes
  const sum = (of: (ledger: Ledger) => number) => books.all().reduce((total, ledger) => total + of(ledger), 0)
  const isMaster = (id: number) => books.byId(id)?.kind === 'master'

  /** Up to `step` candidates from where the last search of this scope ended, or from the beginning when there are none. */
  function search(scope: string, priority: Priority, from: (low: number) => Candidate[], usable: (row: Candidate) => boolean): Candidate[] {
    const key = `${scope}:${priority}`
    const start = lowest.get(key) ?? 0
    let low = start
    for (;;) {
      const rows = from(low)
      const found = rows.filter((row) => usable(row))
      const last = rows.at(-1)
      if (found.length > 0) {
        lowest.set(key, found[0]?.return_id ?? low)
        return found
      }
      if (last === undefined || rows.length < step) {
        lowest.delete(key)
        return start === 0 ? [] : search(scope, priority, from, usable)
      }
      low = last.return_id + 1
    }
  }

  const isFree = (row: Candidate) => !claims.has(deliveryId(row.return_id, row.destination_id))

  /** Drops the destination's oldest of the lowest priority until it is within its share. */
  function enforceShare(ledger: Ledger): void {
    for (const priority of priorities) {
      while (heldBytes(ledger) > perDestination.bytes || heldRows(ledger) > perDestination.rows) {
        if (ledger.byPriority[priority] === 0) break
        const rows = search(`of ${ledger.id}`, priority, (low) => oldestOf.all(ledger.id, priority, low, step), isFree)
        if (rows.length === 0) break
        for (const row of rows) {
          const overBytes = heldBytes(ledger) > perDestination.bytes
          if (!overBytes && heldRows(ledger) <= perDestination.rows) return
          deliveries.discard({ returnId: row.return_id, ledger }, row, 'dropped', overBytes ? REASON.size : REASON.rows)
        }
      }
    }
  }

  /** Drops whole returns, oldest of the lowest priority first, while `over` says so. `spareMaster`: only those that no master waits for. */
  function dropReturns(over: () => boolean, reason: Reason, spareMaster: boolean): void {
    const scope = spareMaster ? 'returners' : 'all'
    const usable = (row: Candidate) => {
      const rows = ofReturn.all(row.return_id)
      return rows.every((other) => isFree(other)) && !(spareMaster && rows.some((other) => isMaster(other.destination_id)))
    }
    for (const priority of priorities) {
      while (over()) {
        const any = books.all().some((l) => l.byPriority[priority] > 0 && !(spareMaster && l.kind === 'master'))
        const rows = any ? search(scope, priority, (low) => oldest.all(priority, low, step), usable) : []
        if (rows.length === 0) break
        for (const returnId of new Set(rows.map((row) => row.return_id))) {
          if (!over()) return
          deliveries.discardReturn(returnId, 'dropped', reason)
        }
      }
    }
  }

  /** Frees the database until `over` is false: what nobody waits for, then what only returners wait for, then anything. */
  function free(over: () => boolean): void {
    while (over() && kept.removeOldest());
    if (!over()) return
    const masterBytes = sum((ledger) => (ledger.kind === 'master' ? heldBytes(ledger) : 0))
    if (masterBytes <= limits.totalBytes * limits.masterShare) dropReturns(over, REASON.size, true)
    dropReturns(over, REASON.size, false)
  }

  return {
    makeRoom(bytes) {
      if (bytes > perDestination.bytes || usedBytes() + bytes <= databaseBytes) return
      free(() => usedBytes() + bytes > databaseBytes)
    },
    enforce() {
      kept.trim()
      for (const ledger of books.changed()) enforceShare(ledger)
      if (sum(heldRows) > limits.maxRows) dropReturns(() => sum(heldRows) > limits.maxRows, REASON.rows, false)
      if (usedBytes() > databaseBytes) free(() => usedBytes() > databaseBytes)
    },
    expire(uptime) {
      const old = aged.all(uptime - limits.maxAgeMs, step).filter((id) => ofReturn.all(id).every((row) => isFree(row)))
      for (const returnId of old) deliveries.discardReturn(returnId, 'dropped', REASON.age)
      return old.length > 0
    },
    neverFits: (bytes) => bytes > perDestination.bytes,
    reload: () => lowest.clear(),
  }
}

function heldBytes(ledger: Ledger): number {
  return ledger.queuedBytes + ledger.deadBytes
}

function heldRows(ledger: Ledger): number {
  return ledger.queued + ledger.dead
}
