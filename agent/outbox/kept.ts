import type { Database } from 'better-sqlite3'
import type { Returns } from './returns.ts'
import type { OutboxLimits } from './settings.ts'

/** Returns that nothing waits for any more, kept to be looked up by jid. Counted in no books; the first to go. */
export interface Kept {
  /** Inside a transaction, as is everything that removes. */
  add(returnId: number, bytes: number, uptime: number): void
  /** Removes the oldest beyond the row and byte limits; the newest stays whatever its size, until it is too old. */
  trim(): void
  /** Removes those older than this (the age limit when absent), a few at a time; true when more may be left. */
  expire(uptime: number, keepMs?: number): boolean
  /** Removes the oldest few; false when there is none. */
  removeOldest(): boolean
  /** Age in uptime of the oldest one's keeping; null when none is kept. */
  oldestUptime(): number | null
  reload(): void
}

interface KeptRow {
  return_id: number
  bytes: number
  uptime: number
}

/** Removed per step, so that no commit grows long. */
const step = 64

/** The kept returns over one connection. */
export function createKept(database: Database, returns: Returns, limits: OutboxLimits): Kept {
  const insert = database.prepare<[number, number, number]>('INSERT INTO kept (return_id, bytes, uptime) VALUES (?, ?, ?)')
  const oldest = database.prepare<[number], KeptRow>('SELECT * FROM kept ORDER BY return_id LIMIT ?')
  const remove = database.prepare<[number]>('DELETE FROM kept WHERE return_id <= ?')
  const oldestUptime = database.prepare<[], number>('SELECT uptime FROM kept ORDER BY return_id LIMIT 1').pluck()
  const measure = database.prepare<[], { rows: number; bytes: number }>(
    'SELECT count(*) AS rows, coalesce(sum(bytes), 0) AS bytes FROM kept',
  )
  let size = { rows: 0, bytes: 0 }

  /** In sets: a statement for each row would take as long as to accept it. */
  function removeWhile(needed: (row: KeptRow) => boolean, atMost = Infinity): number {
    let removed = 0
    while (size.rows > 0 && removed < atMost) {
      const wanted = Math.min(step, atMost - removed)
      const rows = oldest.all(wanted)
      let last: number | undefined
      for (const row of rows) {
        if (!needed(row)) break
        last = row.return_id
        size.rows -= 1
        size.bytes -= row.bytes
        removed += 1
      }
      if (last === undefined) return removed
      returns.removeKept(last)
      remove.run(last)
      if (last !== rows.at(-1)?.return_id || rows.length < wanted) return removed
    }
    return removed
  }

  return {
    add(returnId, bytes, uptime) {
      insert.run(returnId, bytes, uptime)
      size.rows += 1
      size.bytes += bytes
    },
    trim() {
      const isOver = () => size.rows > limits.keepRows || (size.rows > 1 && size.bytes > limits.keepBytes)
      if (isOver()) removeWhile(isOver)
    },
    expire: (uptime, keepMs = limits.keepMs) => removeWhile((row) => row.uptime + keepMs < uptime, step) === step,
    removeOldest: () => removeWhile(() => true, step) > 0,
    oldestUptime: () => oldestUptime.get() ?? null,
    reload() {
      size = measure.get() ?? { rows: 0, bytes: 0 }
    },
  }
}
