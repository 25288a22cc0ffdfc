import { createHash } from 'node:crypto'
import type { ReturnerContext } from '../../contract.ts'
import { bounded } from '../bounded.ts'
import { createLease, type Lease } from '../lease.ts'
import { type NewRow, type StoredRow, withoutRepeats } from '../salt-rows.ts'
import type { SqlStore } from '../salt-sql-handle.ts'
import { type Column, expectReturns, fittedFunction } from '../salt-tables.ts'
import { cleaning } from './clean.ts'
import { readTables } from './columns.ts'
import { connectPg, type PgConnection, type PgTarget, placeOf, type Row } from './connection.ts'
import { pgError, survivesPg } from './errors.ts'

/** What differs between the two returners. */
export interface PgFlavour {
  /** JSON for the column of a value or load. */
  toColumn(json: string): string
  /** JSON for the column `full_ret`, and for a load: from it the whole can be read back. */
  toWholeColumn(json: string): string
  /** What `toWholeColumn` was made of. */
  fromColumn(json: string): unknown
}

interface Opened extends PgConnection {
  /** Of salt_returns. */
  columns: ReadonlyMap<string, Column>
}

const never = new AbortController().signal

/** Large tables take their time. */
const CLEANING_SECONDS = 600

/** A store over the tables of one database. Nothing is connected yet. */
export function createPgStore(target: PgTarget, flavour: PgFlavour, context: ReturnerContext): SqlStore {
  const place = placeOf(target)
  const { timeout, archive_jobs } = target.settings
  const lease = () => createLease<Opened>({
    open: (signal) => connectAndLook(target, signal),
    isGone: (connection) => connection.isGone(),
    survives: survivesPg,
    cut: (connection) => connection.cut(),
    close: (connection) => connection.close(),
  })
  const [writer, reader, keeper] = [lease(), lease(), lease()]
  const locking = { lock: lockKey(context.minionId), limitMs: Math.ceil(timeout * 1000) }

  async function use<T>(which: Lease<Opened>, signal: AbortSignal, work: (connection: Opened) => Promise<T>, limit = timeout): Promise<T> {
    try {
      return await bounded(limit, place, signal, (limited) => which.use(limited, work))
    } catch (error) {
      throw pgError(place, error)
    }
  }
  const read = (text: string, values: unknown[] = []): Promise<Row[]> => use(reader, never, (connection) => connection.query(text, values))
  const write = <T>(work: (connection: Opened) => Promise<T>, signal = never) => use(writer, signal, (connection) => transaction(connection, locking, () => work(connection)))
  const asLoad = (json: unknown) => flavour.fromColumn(String(json)) as Record<string, unknown>
  const asRow = (row: Row): StoredRow => ({
    fun: String(row['fun']), jid: String(row['jid']), id: String(row['id']), success: String(row['success']), full_ret: JSON.stringify(flavour.fromColumn(String(row['full_ret']))),
  })

  return {
    open: () => use(writer, never, async () => {}),
    async writeReturns(rows, signal) {
      const time = context.now() / 1000
      const once = withoutRepeats(rows)
      await write(async (connection) => {
        await connection.query(upsertText(once.length, connection.columns), once.flatMap((row) => valuesOf(row, flavour, connection.columns, time)))
      }, signal)
    },
    changeLoad: (jid, change) => write(async (connection) => {
      const [found] = await connection.query('SELECT load::text AS load FROM jids WHERE jid = $1', [jid])
      const changed = change(found === undefined ? null : asLoad(found['load']))
      if (changed === null) return
      const text = flavour.toWholeColumn(JSON.stringify(changed))
      await connection.query(found === undefined ? 'INSERT INTO jids (jid, load) VALUES ($1, $2)' : 'UPDATE jids SET load = $2 WHERE jid = $1', [jid, text])
    }),
    async readLoad(jid) {
      const [row] = await read('SELECT load::text AS load FROM jids WHERE jid = $1', [jid])
      return row === undefined ? null : asLoad(row['load'])
    },
    readLoads: async () => (await read('SELECT jid, load::text AS load FROM jids ORDER BY jid')).map((row) => ({ jid: String(row['jid']), load: asLoad(row['load']) })),
    readJob: async (jid) => (await read(`${SELECT_ROW} WHERE jid = $1 ORDER BY alter_time`, [jid])).map(asRow),
    readFunction: async (fun) => {
      const rows = await use(reader, never, (connection) => connection.query(NEWEST_OF_FUNCTION, [fittedFunction(fun, connection.columns)]))
      return rows.map(asRow)
    },
    readMinions: async () => (await read('SELECT DISTINCT id FROM salt_returns ORDER BY id')).map((row) => String(row['id'])),
    writeEvents: (events, time) => write(async (connection) => {
      const values = events.flatMap(({ tag, data }) => [tag, flavour.toWholeColumn(data), context.minionId, time / 1000])
      await connection.query(`INSERT INTO salt_events (tag, data, master_id, alter_time) VALUES ${tuples(events.length, 4, (n) => (n === 4 ? 'to_timestamp(?)' : '?'))}`, values)
    }),
    deleteBefore: (time, jid) => use(keeper, never, (connection) => cleaning(connection, time / 1000, jid, archive_jobs), CLEANING_SECONDS),
    async close() {
      await Promise.all([writer, reader, keeper].map((one) => one.close()))
    },
  }

  async function connectAndLook(where: PgTarget, signal: AbortSignal): Promise<Opened> {
    const connection = await connectPg(where, signal)
    try {
      return { ...connection, columns: expectReturns(await readTables(connection), where.returner, place) }
    } catch (error) {
      connection.cut()
      throw error
    }
  }
}

/**
 * Whoever writes for the same minion waits: an attempt whose connection was lost may still be at work in the server when the next begins,
 * and each would find nothing and insert. Salt's table has no unique key that would tell them apart, nor can it get one: Salt's own minions
 * insert blindly, among others under the job id "req".
 */
function lockKey(minionId: string): string {
  return createHash('sha256').update(`brine ${minionId}`).digest().readBigInt64BE(0).toString()
}

interface Locking {
  lock: string
  /** Longest that a statement may take, and the wait for the next. */
  limitMs: number
}

async function transaction<T>(connection: PgConnection, { lock, limitMs }: Locking, work: () => Promise<T>): Promise<T> {
  // One message, and the lock before the first statement that looks at the table: its view of it begins then. A server that ends the
  // transaction by itself frees the lock, also when we are gone. (Not set for the connection: a pooler may stand between.)
  const limit = `SET LOCAL statement_timeout = ${limitMs}; SET LOCAL idle_in_transaction_session_timeout = ${limitMs}`
  await connection.query(`BEGIN; ${limit}; SELECT pg_advisory_xact_lock(${lock})`)
  let result: T
  try {
    result = await work()
  } catch (error) {
    if (survivesPg(error)) await connection.query('ROLLBACK')
    throw error
  }
  await connection.query('COMMIT')
  return result
}

const WRITTEN = ['fun', 'jid', 'return', 'id', 'success', 'full_ret', 'alter_time']
const SELECT_ROW = 'SELECT fun, jid, id, success::text AS success, coalesce(full_ret::text, return::text) AS full_ret FROM salt_returns'
const NEWEST_OF_FUNCTION = `
SELECT r.fun, r.jid, r.id, r.success::text AS success, coalesce(r.full_ret::text, r.return::text) AS full_ret
FROM salt_returns r JOIN (SELECT id, max(jid) AS jid FROM salt_returns WHERE fun = $1 GROUP BY id) newest ON r.id = newest.id AND r.jid = newest.jid
WHERE r.fun = $1 ORDER BY r.id, r.alter_time`

/** `($1, $2), ($3, $4)`: so many rows of so many columns; `form` makes one place of its number in the row, `?` standing for the value. */
function tuples(rows: number, columns: number, form: (column: number) => string): string {
  return Array.from({ length: rows }, (_row, row) =>
    `(${Array.from({ length: columns }, (_column, column) => form(column + 1).replace('?', `$${row * columns + column + 1}`)).join(', ')})`).join(', ')
}

/** Changes the rows that are there and inserts the others, in one statement. */
function upsertText(rows: number, columns: ReadonlyMap<string, Column>): string {
  const castOf = (name: string) => (name === 'alter_time' ? 'to_timestamp(?)' : `?::${castable(columns.get(name)?.type)}`)
  const set = WRITTEN.filter((name) => name !== 'jid' && name !== 'id').map((name) => `${name} = item.${name}`).join(', ')
  return `
WITH item (${WRITTEN.join(', ')}) AS (VALUES ${tuples(rows, WRITTEN.length, (n) => castOf(WRITTEN[n - 1] ?? ''))}),
again AS (UPDATE salt_returns r SET ${set} FROM item WHERE r.jid = item.jid AND r.id = item.id RETURNING r.jid, r.id)
INSERT INTO salt_returns (${WRITTEN.join(', ')})
SELECT ${WRITTEN.map((name) => `item.${name}`).join(', ')} FROM item WHERE NOT EXISTS (SELECT 1 FROM again WHERE again.jid = item.jid AND again.id = item.id)`
}

/** A site may have made a column of another type that takes the same text. */
function castable(type: string | undefined): string {
  return type !== undefined && ['jsonb', 'json', 'boolean'].includes(type) ? type : 'text'
}

function valuesOf(row: NewRow, flavour: PgFlavour, columns: ReadonlyMap<string, Column>, time: number): unknown[] {
  return [fittedFunction(row.fun, columns), row.jid, flavour.toColumn(row.return), row.id, String(row.success), flavour.toWholeColumn(row.fullRet), time]
}
