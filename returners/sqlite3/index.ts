import type { Database } from 'better-sqlite3'
import { defineReturner, JOB_CACHE, type ReturnerContext, type ReturnerHandle, type ReturnItem, type ReturnRecord } from '../contract.ts'
import { jidOf, newJid, tableTime } from '../lib/jid.ts'
import { checkDatabase } from './check.ts'
import { memberText } from '../lib/json-text.ts'
import { databaseError } from './errors.ts'
import { type Options, options } from './options.ts'
import { schema } from './schema.ts'
import { openTables, type ReturnRow, type Tables } from './tables.ts'

export default defineReturner<Options>({
  name: 'sqlite3',
  summary: 'Keeps returns in a SQLite database, readable as a job cache',
  options,
  delivery: 'upsert',
  masterMaySet: ['timeout'],
  isolation: 'process',
  maxBatch: 500,
  jobCache: JOB_CACHE,
  deadlineSeconds: ({ timeout }) => timeout + 30,
  schema,
  check: (settings, _context, { create }) => checkDatabase(settings, create),
  open: openStore,
})

async function openStore(settings: Options, context: ReturnerContext): Promise<ReturnerHandle> {
  const guard = async <T>(work: () => T | Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw databaseError(settings.database, error)
    }
  }
  const { database, tables } = await guard(() => openDatabase(settings))
  return {
    async returner(items, signal) {
      signal.throwIfAborted()
      await guard(() => tables.writeReturns(items.map((item) => rowOf(item, tableTime(context.now())))))
    },
    ...jobCache(tables, context, guard),
    close: async () => void database.close(),
  }
}

async function openDatabase(settings: Options): Promise<{ database: Database; tables: Tables }> {
  // Loaded here, so that describing the returner does not load the native driver.
  const { default: open } = await import('better-sqlite3')
  const database = open(settings.database, { timeout: settings.timeout * 1000 })
  try {
    // A stored return survives a power cut: WAL with FULL, or whatever journal the file insists on, also with FULL.
    database.pragma('journal_mode = WAL')
    database.pragma('synchronous = FULL')
    return { database, tables: openTables(database) }
  } catch (error) {
    database.close()
    throw error
  }
}

type Guard = <T>(work: () => T | Promise<T>) => Promise<T>

/** The read half and the rest of Salt's job cache. */
function jobCache(tables: Tables, context: ReturnerContext, guard: Guard) {
  let made = 0
  return {
    saveLoad: (jid, load, minions = []) => guard(() => tables.writeLoad(jid, load, minions)),
    saveMinions: (jid, minions) => guard(() => tables.writeLoad(jid, {}, minions)),
    getLoad: (jid) => guard(() => {
      const load = tables.readLoad(jid)
      return load === null ? null : parseObject(load)
    }),
    getJid: (jid) => guard(() => byMinion(tables.readJob(jid))),
    getFun: (fun) => guard(() => byMinion(tables.readFunction(fun))),
    getJids: () => guard(() => Object.fromEntries(tables.readLoads().map((row) => [row.jid, parseObject(row.load)]))),
    getMinions: () => guard(() => tables.readMinions()),
    eventReturn: (events) => guard(() => {
      const rows = events.map((event) => ({ tag: event.tag, data: JSON.stringify(event.data) }))
      tables.writeEvents(rows, tableTime(context.now()), context.minionId)
    }),
    prepJid: async (_nocache, passedJid) => {
      made += 1
      return passedJid ?? newJid(context.now(), made)
    },
    cleanOldJobs: (keepSeconds) => guard(() => {
      const before = context.now() - keepSeconds * 1000
      tables.deleteBefore(tableTime(before), jidOf(before))
    }),
  } satisfies Partial<ReturnerHandle>
}

function rowOf(item: ReturnItem, date: string): ReturnRow {
  const { ret } = item
  return {
    fun: typeof ret.fun === 'string' ? ret.fun : JSON.stringify(ret.fun),
    jid: ret.jid,
    id: ret.id,
    fun_args: ret.fun_args.length === 0 ? null : memberText(item.json, 'fun_args') ?? null,
    date,
    full_ret: item.json,
    success: succeeded(ret.success) ? '1' : '0',
  }
}

/** A job of several functions has a map or list of successes: all count. */
function succeeded(success: unknown): boolean {
  if (typeof success !== 'object' || success === null) return success === true
  return Object.values(success).every((one) => one === true)
}

/** Rows of Salt's own have only the value in full_ret: the record is made of the columns. */
function recordOf(row: ReturnRow): ReturnRecord {
  const full: unknown = JSON.parse(row.full_ret)
  if (typeof full === 'object' && full !== null && 'jid' in full && 'return' in full && full.jid === row.jid) return full as ReturnRecord
  const success = row.success === '1' || row.success === 'True'
  return { jid: row.jid, id: row.id, fun: row.fun, fun_args: [], return: full, retcode: success ? 0 : 1, success }
}

function byMinion(rows: ReturnRow[]): Record<string, ReturnRecord> {
  return Object.fromEntries(rows.map((row) => [row.id, recordOf(row)]))
}

function parseObject(text: string): Record<string, unknown> {
  return JSON.parse(text) as Record<string, unknown>
}
