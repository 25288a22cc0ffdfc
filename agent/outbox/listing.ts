import type { Database } from 'better-sqlite3'
import type { Books } from './books.ts'
import { deliveryId, splitDeliveryId } from './deliveries.ts'
import type { DeliveryFilter, DeliveryRow } from './port.ts'
import { STATE } from './schema.ts'
import type { Uptime } from './uptime.ts'

/** What is listed when a filter names no limit, and never more than the most. */
const defaultRows = 1000
const maxRows = 10_000

/** Reading the deliveries for people. */
export interface Listing {
  /** In the order of delivery ids. */
  list(filter: DeliveryFilter): DeliveryRow[]
  ofReturn(returnId: number): DeliveryRow[]
  /** The rule versions of the views that destinations got of a return. */
  views(returnId: number): { destination: string; version: number }[]
  /** When the destination's oldest queued delivery was accepted, wall-clock ms. */
  oldestQueuedAt(destinationId: number): number | null
  /** Whether a delivery of this job to this destination is queued. */
  isQueued(jid: string, destinationId: number): boolean
}

interface Row {
  return_id: number
  destination_id: number
  state: number
  bytes: number
  attempts: number
  due: number | null
  dead_at: number | null
  last_error: string | null
  jid: string
  minion_id: string
  fun: string
  success: number
  accepted_at: number
}

/** Prepares the statements. */
export function createListing(database: Database, books: Books, uptime: Uptime): Listing {
  const columns = `SELECT d.return_id, d.destination_id, d.state, d.bytes, d.attempts, d.due, d.dead_at, d.last_error,
    r.jid, r.minion_id, r.fun, r.success, r.accepted_at FROM deliveries d JOIN returns r ON r.id = d.return_id`
  const ofReturn = database.prepare<[number], Row>(`${columns} WHERE d.return_id = ? ORDER BY d.destination_id`)
  const views = database.prepare<[number], { destination: string; version: number }>(
    'SELECT destination, version FROM views WHERE return_id = ? ORDER BY destination',
  )
  const oldest = database.prepare<[number, number], { return_id: number; accepted_at: number }>(
    `SELECT d.return_id, r.accepted_at FROM deliveries d JOIN returns r ON r.id = d.return_id
     WHERE d.destination_id = ? AND d.state = ? ORDER BY d.return_id LIMIT 1`,
  )
  const queued = database
    .prepare<[string, number], number>(
      `SELECT 1 FROM returns r JOIN deliveries d ON d.return_id = r.id
       WHERE r.jid = ? AND d.destination_id = ? AND d.state <> ${STATE.dead} LIMIT 1`,
    )
    .pluck()

  function toRow(row: Row): DeliveryRow {
    return {
      deliveryId: deliveryId(row.return_id, row.destination_id),
      returnId: row.return_id,
      destination: books.byId(row.destination_id)?.name ?? `#${row.destination_id}`,
      state: row.state === STATE.dead ? 'dead' : 'queued',
      jid: row.jid,
      minionId: row.minion_id,
      fun: row.fun,
      success: row.success === 1,
      bytes: row.bytes,
      attempts: row.attempts,
      lastError: row.last_error,
      acceptedAt: row.accepted_at,
      dueAt: row.due === null ? null : uptime.toWall(row.due),
      deadAt: row.dead_at,
    }
  }

  return {
    list(filter) {
      const destination = filter.destination === undefined ? undefined : books.find(filter.destination)
      if (filter.destination !== undefined && destination === undefined) return []
      const { where, values } = conditions(filter, destination?.id)
      const limit = Math.max(0, Math.min(filter.limit ?? defaultRows, maxRows))
      const statement = database.prepare<unknown[], Row>(
        `${columns} WHERE ${where.join(' AND ')} ORDER BY d.return_id, d.destination_id LIMIT ?`,
      )
      return statement.all(...values, limit).map(toRow)
    },
    ofReturn: (returnId) => ofReturn.all(returnId).map(toRow),
    views: (returnId) => views.all(returnId),
    oldestQueuedAt(destinationId) {
      const firsts = [STATE.ready, STATE.setAside].map((state) => oldest.get(destinationId, state)).filter((row) => row !== undefined)
      return firsts.toSorted((a, b) => a.return_id - b.return_id)[0]?.accepted_at ?? null
    },
    isQueued: (jid, destinationId) => queued.get(jid, destinationId) !== undefined,
  }
}

/** The filter as SQL with its values apart: nothing of a filter is ever part of the text. */
function conditions(filter: DeliveryFilter, destinationId: number | undefined): { where: string[]; values: unknown[] } {
  const after = splitDeliveryId(filter.afterId ?? 0)
  const where = ['(d.return_id, d.destination_id) > (?, ?)']
  const values: unknown[] = [after.returnId, after.destinationId]
  const add = (condition: string, value: unknown) => {
    if (value === undefined) return
    where.push(condition)
    values.push(value)
  }
  add('d.destination_id = ?', destinationId)
  add('r.jid = ?', filter.jid)
  add('r.fun = ?', filter.fun)
  add('r.accepted_at < ?', filter.before)
  add('r.accepted_at > ?', filter.after)
  if (filter.state !== undefined) add(filter.state === 'dead' ? 'd.state = ?' : 'd.state <> ?', STATE.dead)
  return { where, values }
}
