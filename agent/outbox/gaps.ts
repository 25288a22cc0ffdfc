import type { Database } from 'better-sqlite3'
import type { Gap } from './port.ts'

/** The jids a record keeps, and how many records are kept one by one. */
const maxJids = 1000
const maxRecords = 1000

/** What follows within this time for the same reason goes into the same record. */
const recordMs = 60 * 60 * 1000

/** Why a delivery left without being delivered. */
export const REASON = {
  size: 'dropped: over the size limit',
  rows: 'dropped: over the row limit',
  age: 'dropped: over the age limit',
  purged: 'purged by an operator',
  merged: 'purged: moved to a destination that has it already',
  record: 'lost: its record is damaged',
  books: 'lost: the store was damaged',
  store: 'lost: the store was set aside as damaged',
} as const
export type Reason = (typeof REASON)[keyof typeof REASON]

export interface Gaps {
  /** Notes one delivery; `jid` absent when it is not known. */
  add(destination: string, reason: Reason, jid: string | undefined, count?: number): void
  /** Writes what was noted and gives it, one gap per destination and reason. Inside the transaction that made it. */
  flush(at: number): Gap[]
  /** Forgets what was noted since the last flush. */
  discard(): void
  /** The newest records, newest first. */
  recent(limit: number): Gap[]
}

interface GapRow {
  id: number
  destination: string
  reason: string
  at: number
  count: number
  jids: string
}

interface Noted {
  destination: string
  reason: Reason
  count: number
  jids: string[]
}

/** The gap records over one connection. */
export function createGaps(database: Database): Gaps {
  const latest = database.prepare<[string, string, number], GapRow>(
    'SELECT * FROM gaps WHERE destination = ? AND reason = ? AND at > ? ORDER BY id DESC LIMIT 1',
  )
  const insert = database.prepare<[string, string, number, number, string]>(
    'INSERT INTO gaps (destination, reason, at, count, jids) VALUES (?, ?, ?, ?, ?)',
  )
  const addCount = database.prepare<[number, number]>('UPDATE gaps SET count = count + ? WHERE id = ?')
  const update = database.prepare<[number, string, number]>('UPDATE gaps SET count = count + ?, jids = ? WHERE id = ?')
  const total = database.prepare<[], number>('SELECT count(*) FROM gaps').pluck()
  const oldest = database.prepare<[], GapRow>('SELECT * FROM gaps ORDER BY id LIMIT 1')
  const nextLike = database.prepare<[string, string, number], GapRow>(
    'SELECT * FROM gaps WHERE destination = ? AND reason = ? AND id > ? ORDER BY id LIMIT 1',
  )
  const remove = database.prepare<[number]>('DELETE FROM gaps WHERE id = ?')
  const newest = database.prepare<[number], GapRow>('SELECT * FROM gaps ORDER BY id DESC LIMIT ?')
  const noted = new Map<string, Noted>()

  function write(note: Noted, at: number): number {
    const record = latest.get(note.destination, note.reason, at - recordMs)
    // A step of the clock back would make every record look new for a long time: those start a record of their own.
    if (record === undefined || record.at > at) {
      const id = Number(insert.run(note.destination, note.reason, at, note.count, JSON.stringify(note.jids)).lastInsertRowid)
      fold()
      return id
    }
    const jids = parseJids(record.jids)
    if (jids.length >= maxJids) addCount.run(note.count, record.id)
    else update.run(note.count, JSON.stringify([...jids, ...note.jids].slice(0, maxJids)), record.id)
    return record.id
  }

  /** Joins the oldest record with the next of its kind, so that counts stay for ever and the table does not grow. */
  function fold(): void {
    if ((total.get() ?? 0) <= maxRecords) return
    const first = oldest.get()
    const second = first && nextLike.get(first.destination, first.reason, first.id)
    if (first === undefined || second === undefined) return
    const jids = [...parseJids(first.jids), ...parseJids(second.jids)].slice(0, maxJids)
    update.run(first.count, JSON.stringify(jids), second.id)
    remove.run(first.id)
  }

  return {
    add(destination, reason, jid, count = 1) {
      const key = `${reason}\0${destination}`
      const note = noted.get(key) ?? { destination, reason, count: 0, jids: [] }
      note.count += count
      if (jid !== undefined && note.jids.length < maxJids) note.jids.push(jid)
      noted.set(key, note)
    },
    flush(at) {
      if (noted.size === 0) return []
      const gaps = [...noted.values()].map((note) => Object.assign({ id: write(note, at), at }, note))
      noted.clear()
      return gaps
    },
    discard: () => noted.clear(),
    recent: (limit) => newest.all(limit).map((row) => ({ ...row, jids: parseJids(row.jids) })),
  }
}

function parseJids(text: string): string[] {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) ? value.filter((jid) => typeof jid === 'string') : []
  } catch {
    return []
  }
}
