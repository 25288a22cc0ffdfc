/** Bare better-sqlite3 doing what the outbox does to the same tables: the limit that the store is measured against. */
import { join } from 'node:path'
import { openDatabase } from '../../agent/outbox/database.ts'

export interface RawStore {
  /** Inserts so many returns with two deliveries each, in one transaction. */
  accept(count: number): void
  /** Reads so many of a destination's oldest deliveries with their bodies, then removes them, in one transaction. */
  settle(destination: 1 | 2, count: number): number
  close(): void
}

/** Opens a fresh store with the outbox's own schema and settings. */
export function openRawStore(directory: string, body: Uint8Array): RawStore {
  const database = openDatabase(join(directory, 'raw.db'))
  for (const n of [1, 2]) database.exec(`INSERT INTO destinations VALUES (${n}, 'd${n}', 'returner', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, x'00')`)
  const insertReturn = database.prepare(
    'INSERT INTO returns (id, jid, minion_id, fun, success, accepted_at, uptime, checksum, body) VALUES (?, ?, ?, ?, 1, ?, ?, 1, ?)',
  )
  const insertDelivery = database.prepare(
    'INSERT INTO deliveries (return_id, destination_id, state, priority, bytes, attempts) VALUES (?, ?, 0, 1, ?, 0)',
  )
  const book = database.prepare('UPDATE destinations SET accepted = ?, queued = ?, queued_bytes = ?, newest = ?, uptime = ? WHERE id = ?')
  const oldest = database.prepare<[number, number], { return_id: number }>(
    'SELECT return_id FROM deliveries WHERE destination_id = ? AND state = 0 ORDER BY return_id LIMIT ?',
  )
  const read = database.prepare<[number]>('SELECT * FROM returns WHERE id = ?')
  const removeDelivery = database.prepare('DELETE FROM deliveries WHERE return_id = ? AND destination_id = ?')
  const others = database.prepare<[number]>('SELECT 1 FROM deliveries WHERE return_id = ?')
  const keep = database.prepare('INSERT INTO kept (return_id, bytes, uptime) VALUES (?, ?, ?)')
  let id = 0

  const accept = database.transaction((count: number) => {
    for (let n = 0; n < count; n += 1) {
      id += 1
      insertReturn.run(id, `2026112221${String(id).padStart(10, '0')}`, 'web1.example.org', 'state.apply', 1_795_000_000_000 + id, id, body)
      insertDelivery.run(id, 1, body.byteLength)
      insertDelivery.run(id, 2, body.byteLength)
    }
    for (const destination of [1, 2]) book.run(id, id, id * body.byteLength, id, id, destination)
  })
  const remove = database.transaction((destination: number, ids: number[]) => {
    for (const each of ids) {
      removeDelivery.run(each, destination)
      if (others.get(each) === undefined) keep.run(each, body.byteLength, each)
    }
    book.run(id, id, 0, id, id, destination)
  })
  return {
    accept: (count) => accept.immediate(count),
    settle(destination, count) {
      const ids = oldest.all(destination, count).map((row) => row.return_id)
      for (const each of ids) read.get(each)
      if (ids.length > 0) remove.immediate(destination, ids)
      return ids.length
    },
    close: () => database.close(),
  }
}
