import { crc32 } from 'node:zlib'
import type { Database } from 'better-sqlite3'
import type { NewReturn } from './port.ts'

/** A stored return, verified against its checksum. */
export interface StoredReturn {
  id: number
  jid: string
  minionId: string
  fun: string
  success: boolean
  acceptedAt: number
  body: Uint8Array
}

/** The returns themselves over one connection: written once, never changed. */
export interface Returns {
  insert(id: number, ret: NewReturn, acceptedAt: number, uptime: number): void
  /** The return; `damaged` when the row is missing or does not match its checksum. */
  read(id: number): StoredReturn | 'damaged'
  jidOf(id: number): string | undefined
  /** The newest return under a jid; undefined when there is none. */
  newestId(jid: string): number | undefined
  /** Removes the body and what is known about its views. */
  remove(id: number): void
  /** The same for all that are kept, up to this id. */
  removeKept(upTo: number): void
  count(): number
}

interface ReturnRow {
  id: number
  jid: string
  minion_id: string
  fun: string
  success: number
  accepted_at: number
  uptime: number
  checksum: number
  body: Uint8Array
}

/** Prepares the statements. */
export function createReturns(database: Database): Returns {
  const insert = database.prepare<[number, string, string, string, number, number, number, number, Uint8Array]>(
    'INSERT INTO returns (id, jid, minion_id, fun, success, accepted_at, uptime, checksum, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const select = database.prepare<[number], ReturnRow>('SELECT * FROM returns WHERE id = ?')
  const selectJid = database.prepare<[number], string>('SELECT jid FROM returns WHERE id = ?').pluck()
  const selectNewest = database.prepare<[string], number>('SELECT id FROM returns WHERE jid = ? ORDER BY id DESC LIMIT 1').pluck()
  const remove = database.prepare<[number]>('DELETE FROM returns WHERE id = ?')
  const removeViews = database.prepare<[number]>('DELETE FROM views WHERE return_id = ?')
  const keptUpTo = '(SELECT return_id FROM kept WHERE return_id <= ?)'
  const removeKept = database.prepare<[number]>(`DELETE FROM returns WHERE id IN ${keptUpTo}`)
  const removeKeptViews = database.prepare<[number]>(`DELETE FROM views WHERE return_id IN ${keptUpTo}`)
  const count = database.prepare<[], number>('SELECT count(*) FROM returns').pluck()

  return {
    insert(id, ret, acceptedAt, uptime) {
      const sum = checksum(ret, acceptedAt)
      insert.run(id, ret.jid, ret.minionId, ret.fun, ret.success ? 1 : 0, acceptedAt, uptime, sum, ret.body)
    },
    read(id) {
      const row = select.get(id)
      if (row === undefined) return 'damaged'
      const stored: StoredReturn = {
        id, jid: row.jid, minionId: row.minion_id, fun: row.fun, success: row.success === 1, acceptedAt: row.accepted_at,
        body: row.body,
      }
      return checksum(stored, row.accepted_at) === row.checksum ? stored : 'damaged'
    },
    jidOf: (id) => selectJid.get(id),
    newestId: (jid) => selectNewest.get(jid),
    remove(id) {
      remove.run(id)
      removeViews.run(id)
    },
    removeKept(upTo) {
      removeKept.run(upTo)
      removeKeptViews.run(upTo)
    },
    count: () => count.get() ?? 0,
  }
}

/** CRC-32 over the body and over what says whose body it is. */
function checksum(ret: Omit<StoredReturn, 'id' | 'acceptedAt'>, acceptedAt: number): number {
  return crc32(ret.body, crc32(`${ret.jid}\0${ret.minionId}\0${ret.fun}\0${ret.success ? 1 : 0}\0${acceptedAt}`))
}
