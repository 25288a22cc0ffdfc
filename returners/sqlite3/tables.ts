import type { Database } from 'better-sqlite3'
import { schema } from './schema.ts'

/** One row of salt_returns. */
export interface ReturnRow {
  fun: string
  jid: string
  id: string
  fun_args: string | null
  date: string
  full_ret: string
  success: string
}

/** The statements of this returner over one open database. All are synchronous. */
export interface Tables {
  /** Writes all rows in one transaction: one row per (jid, id), the newest wins. */
  writeReturns(rows: readonly ReturnRow[]): void
  /** Stores a load unless the jid has one; `minions` are added to those it names. */
  writeLoad(jid: string, load: Record<string, unknown>, minions: readonly string[]): void
  readLoad(jid: string): string | null
  readLoads(): { jid: string; load: string }[]
  /** The newest row of each minion. */
  readJob(jid: string): ReturnRow[]
  /** The row of each minion's newest job: it may have come before the row of an older one. */
  readFunction(fun: string): ReturnRow[]
  readMinions(): string[]
  writeEvents(events: readonly { tag: string; data: string }[], time: string, masterId: string): void
  deleteBefore(date: string, jid: string): void
}

// bare columns beside max() come from the row that has the maximum: SQLite's documented behaviour
const newestOfJob =
  'SELECT fun, jid, id, fun_args, max(date) AS date, full_ret, success FROM salt_returns WHERE jid = ? GROUP BY id ORDER BY id'
const newestOfFunction =
  'SELECT fun, max(jid) AS jid, id, fun_args, date, full_ret, success FROM salt_returns WHERE fun = ? GROUP BY id ORDER BY id'

/** Makes what is missing of the tables and prepares for their use. */
export function openTables(database: Database): Tables {
  database.exec(schema)
  return { ...returnTable(database), ...loadTable(database), ...upkeep(database) }
}

function returnTable(database: Database): Pick<Tables, 'writeReturns' | 'readJob' | 'readFunction' | 'readMinions'> {
  const update = database.prepare<[ReturnRow]>(
    'UPDATE salt_returns SET fun = @fun, fun_args = @fun_args, date = @date, full_ret = @full_ret, success = @success WHERE jid = @jid AND id = @id',
  )
  const insert = database.prepare<[ReturnRow]>(
    `INSERT INTO salt_returns (fun, jid, id, fun_args, date, full_ret, success)
     VALUES (@fun, @jid, @id, @fun_args, @date, @full_ret, @success)`,
  )
  const job = database.prepare<[string], ReturnRow>(newestOfJob)
  const byFunction = database.prepare<[string], ReturnRow>(newestOfFunction)
  const minions = database.prepare<[], { id: string }>('SELECT DISTINCT id FROM salt_returns ORDER BY id')
  const writeAll = database.transaction((rows: readonly ReturnRow[]) => {
    for (const row of rows) {
      if (update.run(row).changes === 0) insert.run(row)
    }
  })
  return {
    writeReturns: (rows) => writeAll.immediate(rows),
    readJob: (jid) => job.all(jid),
    readFunction: (fun) => byFunction.all(fun),
    readMinions: () => minions.all().map((row) => row.id),
  }
}

function loadTable(database: Database): Pick<Tables, 'writeLoad' | 'readLoad' | 'readLoads'> {
  const read = database.prepare<[string], { load: string }>('SELECT load FROM jids WHERE jid = ?')
  const readAll = database.prepare<[], { jid: string; load: string }>('SELECT jid, load FROM jids ORDER BY jid')
  const insert = database.prepare<[string, string]>('INSERT INTO jids (jid, load) VALUES (?, ?)')
  const update = database.prepare<[string, string]>('UPDATE jids SET load = ? WHERE jid = ?')
  const write = database.transaction((jid: string, load: Record<string, unknown>, minions: readonly string[]) => {
    const row = read.get(jid)
    // The first load is the publication; a master stores it again with the return, which knows less.
    const stored = row === undefined ? load : (JSON.parse(row.load) as Record<string, unknown>)
    const known = Array.isArray(stored['Minions']) ? stored['Minions'].map(String) : []
    const all = [...new Set([...known, ...minions])].toSorted()
    const text = JSON.stringify(all.length === 0 ? stored : { ...stored, Minions: all })
    if (row === undefined) insert.run(jid, text)
    else if (text !== row.load) update.run(text, jid)
  })
  return {
    writeLoad: (jid, load, minions) => write.immediate(jid, load, minions),
    readLoad: (jid) => read.get(jid)?.load ?? null,
    readLoads: () => readAll.all(),
  }
}

function upkeep(database: Database): Pick<Tables, 'writeEvents' | 'deleteBefore'> {
  const insertEvent = database.prepare<[string, string, string, string]>(
    'INSERT INTO salt_events (tag, data, alter_time, master_id) VALUES (?, ?, ?, ?)',
  )
  const oldReturns = database.prepare<[string]>('DELETE FROM salt_returns WHERE date < ?')
  const oldLoads = database.prepare<[string]>(
    `DELETE FROM jids WHERE jid < ? AND length(jid) >= 20 AND NOT EXISTS (SELECT 1 FROM salt_returns WHERE salt_returns.jid = jids.jid)`,
  )
  const events = database.transaction((all: readonly { tag: string; data: string }[], time: string, masterId: string) => {
    for (const event of all) insertEvent.run(event.tag, event.data, time, masterId)
  })
  const clean = database.transaction((date: string, jid: string) => {
    oldReturns.run(date)
    oldLoads.run(jid)
  })
  return {
    writeEvents: (all, time, masterId) => events.immediate(all, time, masterId),
    deleteBefore: (date, jid) => clean.immediate(date, jid),
  }
}
