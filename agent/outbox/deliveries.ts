import type { Database } from 'better-sqlite3'
import type { Books, Ending, Held, Ledger } from './books.ts'
import { destinationSlots } from './books.ts'
import type { Gaps, Reason } from './gaps.ts'
import type { Kept } from './kept.ts'
import type { DestinationRef, NewReturn, Outcome, Priority } from './port.ts'
import type { Returns } from './returns.ts'
import { STATE } from './schema.ts'

/** An error text beyond this says no more. */
const maxErrorChars = 1000

/** A delivery's row by its key. */
export interface DeliveryKey {
  returnId: number
  ledger: Ledger
}

/** What happens to deliveries, each together with its books. Everything here runs inside a transaction. */
export interface Deliveries {
  accept(returnId: number, ret: NewReturn, acceptedAt: number, uptime: number): void
  settle(outcome: Outcome, context: { wall: number; uptime: number; due: (wall: number) => number }): void
  /** Removes one delivery that was not delivered, with its gap. The return goes with its last delivery. */
  discard(key: DeliveryKey, held: Held, ending: Exclude<Ending, 'delivered'>, reason: Reason): void
  /** As `discard`, for whatever deliveries a return still has. */
  discardReturn(returnId: number, ending: Exclude<Ending, 'delivered'>, reason: Reason): void
  /** Makes one due now; a dead one is queued again. */
  revive(key: DeliveryKey): boolean
  /** Gives one to another destination, due now and without its history. */
  move(key: DeliveryKey, to: DestinationRef): boolean
  /** The row; undefined when it is settled. */
  find(key: DeliveryKey): Held | undefined
}

interface HeldRow {
  bytes: number
  priority: Priority
  state: number
}

/** A delivery's number for the world outside: unique as long as its destination has books. */
export function deliveryId(returnId: number, destinationId: number): number {
  return returnId * destinationSlots + destinationId
}

/** The opposite of `deliveryId`. */
export function splitDeliveryId(id: number): { returnId: number; destinationId: number } {
  return { returnId: Math.floor(id / destinationSlots), destinationId: id % destinationSlots }
}

/** The deliveries over one connection. */
export function createDeliveries(database: Database, books: Books, gaps: Gaps, returns: Returns, kept: Kept): Deliveries {
  const insert = database.prepare<[number, number, number, number]>(
    'INSERT INTO deliveries (return_id, destination_id, state, priority, bytes, attempts) VALUES (?, ?, 0, ?, ?, 0)',
  )
  const select = database.prepare<[number, number], HeldRow>(
    'SELECT bytes, priority, state FROM deliveries WHERE return_id = ? AND destination_id = ?',
  )
  const ofReturn = database.prepare<[number], HeldRow & { destination_id: number }>(
    'SELECT destination_id, bytes, priority, state FROM deliveries WHERE return_id = ?',
  )
  const remove = database.prepare<[number, number]>('DELETE FROM deliveries WHERE return_id = ? AND destination_id = ?')
  const anyLeft = database.prepare<[number], number>('SELECT 1 FROM deliveries WHERE return_id = ? LIMIT 1').pluck()
  const fail = database.prepare<[number, number | null, string, number, number]>(
    'UPDATE deliveries SET attempts = attempts + 1, state = ?, due = ?, last_error = ? WHERE return_id = ? AND destination_id = ?',
  )
  const bury = database.prepare<[number, string, number, number]>(
    `UPDATE deliveries SET attempts = attempts + 1, state = ${STATE.dead}, due = NULL, dead_at = ?, last_error = ?
     WHERE return_id = ? AND destination_id = ?`,
  )
  const revive = database.prepare<[number, number]>(
    `UPDATE deliveries SET state = ${STATE.ready}, due = NULL, dead_at = NULL WHERE return_id = ? AND destination_id = ?`,
  )
  const addView = database.prepare<[number, string, number]>('INSERT OR REPLACE INTO views VALUES (?, ?, ?)')

  function removeRow(key: DeliveryKey, bytes: number, keepAt: number | null): void {
    remove.run(key.returnId, key.ledger.id)
    if (anyLeft.get(key.returnId) !== undefined) return
    if (keepAt === null) returns.remove(key.returnId)
    else kept.add(key.returnId, bytes, keepAt)
  }

  const self: Deliveries = {
    accept(returnId, ret, acceptedAt, uptime) {
      returns.insert(returnId, ret, acceptedAt, uptime)
      const held: Held = { bytes: ret.body.byteLength, priority: ret.priority, state: STATE.ready }
      for (const [index, ref] of ret.destinations.entries()) {
        if (ret.destinations.findIndex((other) => other.name === ref.name) < index) continue
        const ledger = books.open(ref)
        insert.run(returnId, ledger.id, held.priority, held.bytes)
        books.accept(ledger, held, returnId, uptime)
      }
      if (ret.destinations.length === 0) kept.add(returnId, held.bytes, uptime)
    },

    settle(outcome, context) {
      const { returnId, destinationId } = splitDeliveryId(outcome.deliveryId)
      const ledger = books.byId(destinationId)
      const held = ledger && select.get(returnId, destinationId)
      if (ledger === undefined || held === undefined || held.state === STATE.dead) return
      const error = outcome.kind === 'delivered' ? '' : outcome.error.slice(0, maxErrorChars)
      switch (outcome.kind) {
        case 'delivered':
          books.end(ledger, held, 'delivered')
          if (outcome.viewVersion !== undefined) addView.run(returnId, ledger.name, outcome.viewVersion)
          return removeRow({ returnId, ledger }, held.bytes, context.uptime)
        case 'retry': {
          const due = outcome.dueAt === undefined ? null : context.due(outcome.dueAt)
          fail.run(due === null ? STATE.ready : STATE.setAside, due, error, returnId, destinationId)
          return books.fail(ledger, error)
        }
        case 'dead':
          bury.run(context.wall, error, returnId, destinationId)
          books.bury(ledger, held)
          return books.fail(ledger, error)
        default:
          return outcome satisfies never
      }
    },

    discard(key, held, ending, reason) {
      gaps.add(key.ledger.name, reason, returns.jidOf(key.returnId))
      books.end(key.ledger, held, ending)
      removeRow(key, held.bytes, null)
    },

    discardReturn(returnId, ending, reason) {
      for (const { destination_id: id, ...held } of ofReturn.all(returnId)) {
        const ledger = books.byId(id)
        if (ledger !== undefined) self.discard({ returnId, ledger }, held, ending, reason)
      }
    },

    revive(key) {
      const held = self.find(key)
      if (held === undefined) return false
      revive.run(key.returnId, key.ledger.id)
      if (held.state === STATE.dead) books.revive(key.ledger, held)
      return true
    },

    move(key, to) {
      const held = self.find(key)
      if (held === undefined) return false
      const target = books.open(to)
      if (target === key.ledger) return self.revive(key)
      if (select.get(key.returnId, target.id) !== undefined) {
        self.revive({ returnId: key.returnId, ledger: target })
        self.discard(key, held, 'purged', 'purged: moved to a destination that has it already')
        return true
      }
      insert.run(key.returnId, target.id, held.priority, held.bytes)
      remove.run(key.returnId, key.ledger.id)
      books.transfer(key.ledger, target, held, key.returnId)
      return true
    },

    find: (key) => select.get(key.returnId, key.ledger.id),
  }
  return self
}
