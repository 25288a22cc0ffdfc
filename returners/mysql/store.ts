import { createHash } from 'node:crypto'
import { PermanentError, type ReturnerContext } from '../contract.ts'
import { bounded } from '../lib/bounded.ts'
import { asciiJson } from '../lib/json-text.ts'
import { createLease, type Lease } from '../lib/lease.ts'
import type { Load } from '../lib/salt-job-cache.ts'
import { type NewRow, type StoredRow, withoutRepeats } from '../lib/salt-rows.ts'
import type { SqlStore } from '../lib/salt-sql-handle.ts'
import { type Column, expectReturns, fittedFunction } from '../lib/salt-tables.ts'
import { readTables } from './check.ts'
import { cleaning } from './clean.ts'
import { connectMysql, type MysqlConnection, placeOf, type Row } from './connection.ts'
import { mysqlError, survivesMysql } from './errors.ts'
import type { Options } from './options.ts'

interface Opened extends MysqlConnection {
  /** Of salt_returns. */
  columns: ReadonlyMap<string, Column>
  /** What the server takes in one statement, bytes. */
  maxStatement: number
}

const never = new AbortController().signal
/** Large tables take their time. */
const CLEANING_SECONDS = 600
/** What a statement has around its rows, and the packet around the statement. */
const statementSlack = 1024

/** A store over the tables of one database. Nothing is connected yet. */
export function createMysqlStore(settings: Options, context: ReturnerContext): SqlStore {
  const place = placeOf(settings)
  const lease = () => createLease<Opened>({
    open: (signal) => connectAndLook(settings, signal),
    isGone: (connection) => connection.isGone(),
    survives: survivesMysql,
    cut: (connection) => connection.cut(),
    close: (connection) => connection.close(),
  })
  const [writer, reader, keeper] = [lease(), lease(), lease()]
  const lock = lockName(settings.db, context.minionId)

  async function use<T>(which: Lease<Opened>, signal: AbortSignal, work: (connection: Opened) => Promise<T>, limit = settings.timeout): Promise<T> {
    try {
      return await bounded(limit, place, signal, (limited) => which.use(limited, work))
    } catch (error) {
      throw mysqlError(place, error)
    }
  }
  const read = (text: string, values: unknown[] = []): Promise<Row[]> => use(reader, never, (connection) => connection.query(text, values))
  const write = <T>(work: (connection: Opened) => Promise<T>, signal = never) =>
    use(writer, signal, (connection) => locked(connection, lock, settings.timeout, () => work(connection)))

  return {
    open: () => use(writer, never, async () => {}),
    writeReturns: (rows, signal) => write((connection) => upsert(connection, withoutRepeats(rows), context.now() / 1000), signal),
    changeLoad: (jid, change) => write(async (connection) => {
      const [found] = await connection.query('SELECT `load` FROM `jids` WHERE `jid` = ?', [jid])
      const changed = change(found === undefined ? null : asLoad(found['load']))
      if (changed === null) return
      const text = asciiJson(JSON.stringify(changed))
      const statement = found === undefined
        ? connection.format('INSERT INTO `jids` (`load`, `jid`) VALUES (?, ?)', [text, jid])
        : connection.format('UPDATE `jids` SET `load` = ? WHERE `jid` = ?', [text, jid])
      await connection.query(fitting(connection, statement, 'the load of a job'))
    }),
    async readLoad(jid) {
      const [row] = await read('SELECT `load` FROM `jids` WHERE `jid` = ?', [jid])
      return row === undefined ? null : asLoad(row['load'])
    },
    readLoads: async () => (await read('SELECT `jid`, `load` FROM `jids` ORDER BY `jid`')).map((row) => ({ jid: String(row['jid']), load: asLoad(row['load']) })),
    readJob: async (jid) => (await read(`${SELECT_ROW} WHERE \`jid\` = ? ORDER BY \`alter_time\``, [jid])).map(asRow),
    readFunction: (fun) => use(reader, never, async (connection) => {
      const fitted = fittedFunction(fun, connection.columns)
      const rows = await connection.query(NEWEST_OF_FUNCTION, [fitted, fitted])
      return rows.map(asRow)
    }),
    readMinions: async () => (await read('SELECT DISTINCT `id` FROM `salt_returns` ORDER BY `id`')).map((row) => String(row['id'])),
    writeEvents: (events, time) => write(async (connection) => {
      const rows = events.map(({ tag, data }) => connection.format('(?, ?, ?, FROM_UNIXTIME(?))', [tag, asciiJson(data), context.minionId, time / 1000]))
      for (const part of partsOf(connection, rows)) await connection.query(`INSERT INTO \`salt_events\` (\`tag\`, \`data\`, \`master_id\`, \`alter_time\`) VALUES ${part}`)
    }),
    deleteBefore: (time, jid) => use(keeper, never, (connection) => cleaning(connection, time / 1000, jid, settings.archive_jobs), CLEANING_SECONDS),
    async close() {
      await Promise.all([writer, reader, keeper].map((one) => one.close()))
    },
  }

  async function connectAndLook(where: Options, signal: AbortSignal): Promise<Opened> {
    const connection = await connectMysql(where, signal)
    try {
      const columns = expectReturns(await readTables(connection), 'mysql', place)
      const [row] = await connection.query('SELECT @@max_allowed_packet AS bytes')
      return { ...connection, columns, maxStatement: Number(row?.['bytes']) - statementSlack }
    } catch (error) {
      connection.cut()
      throw error
    }
  }
}

/** The server's names of locks are of at most 64 characters, and are the same for all of its databases. */
function lockName(database: string, minionId: string): string {
  return `brine ${createHash('sha256').update(`${database}\0${minionId}`).digest('hex').slice(0, 40)}`
}

/**
 * Whoever writes for the same minion waits: an attempt whose connection was lost may still be at work in the server when the next begins,
 * and each would find nothing and insert. Salt's table has no unique key that would tell them apart.
 */
async function locked<T>(connection: MysqlConnection, lock: string, seconds: number, work: () => Promise<T>): Promise<T> {
  const [row] = await connection.query('SELECT GET_LOCK(?, ?) AS got', [lock, Math.ceil(seconds)])
  if (row?.['got'] !== 1) throw new Error('an earlier attempt is still at work in the server')
  try {
    return await work()
  } finally {
    // When the connection is gone, so is the lock.
    if (!connection.isGone()) await connection.query('DO RELEASE_LOCK(?)', [lock]).catch(() => connection.cut())
  }
}

const SELECT_ROW = 'SELECT `fun`, `jid`, `id`, `success`, `full_ret` FROM `salt_returns`'
// Salt's tables compare without regard to case; minions are told apart by it.
const NEWEST_OF_FUNCTION = `
SELECT r.\`fun\`, r.\`jid\`, r.\`id\`, r.\`success\`, r.\`full_ret\`
FROM \`salt_returns\` r JOIN (SELECT BINARY \`id\` AS exact, MAX(\`jid\`) AS jid FROM \`salt_returns\` WHERE \`fun\` = ? GROUP BY BINARY \`id\`) newest
ON r.\`jid\` = newest.jid AND BINARY r.\`id\` = newest.exact WHERE r.\`fun\` = ? ORDER BY r.\`id\`, r.\`alter_time\``

const INSERT = 'INSERT INTO `salt_returns` (`fun`, `jid`, `return`, `id`, `success`, `full_ret`, `alter_time`) VALUES'

/** Inserts what is new in one statement; what is there already is replaced, in one transaction. */
async function upsert(connection: Opened, rows: readonly NewRow[], time: number): Promise<void> {
  const found = await connection.query('SELECT `jid`, `id` FROM `salt_returns` WHERE `jid` IN (?) AND `id` IN (?)', [distinct(rows, 'jid'), distinct(rows, 'id')])
  const there = new Set(found.map((row) => `${String(row['jid'])}\0${String(row['id'])}`))
  const again = rows.filter((row) => there.has(`${row.jid}\0${row.id}`))
  const texts = rows.map((row) => connection.format('(?, ?, ?, ?, ?, ?, FROM_UNIXTIME(?))', [
    fittedFunction(row.fun, connection.columns), row.jid, asciiJson(row.return), row.id, row.success ? '1' : '0', asciiJson(row.fullRet), time,
  ]))
  const inserts = partsOf(connection, texts).map((part) => `${INSERT} ${part}`)
  if (again.length === 0 && inserts.length === 1) {
    await connection.query(inserts[0] ?? '')
    return
  }
  await connection.query('START TRANSACTION')
  try {
    for (const { jid, id } of again) {
      await connection.query('DELETE FROM `salt_returns` WHERE `jid` = ? AND `id` = ? AND CONVERT(`id` USING utf8mb4) COLLATE utf8mb4_bin = ?', [jid, id, id])
    }
    for (const insert of inserts) await connection.query(insert)
    await connection.query('COMMIT')
  } catch (error) {
    if (survivesMysql(error)) await connection.query('ROLLBACK')
    throw error
  }
}

function distinct(rows: readonly NewRow[], column: 'jid' | 'id'): string[] {
  return [...new Set(rows.map((row) => row[column]))]
}

/** The rows of as few statements as the server takes. @throws PermanentError for a row that no statement can hold */
function partsOf(connection: Opened, rows: readonly string[]): string[] {
  const parts: string[] = []
  let size = 0
  for (const row of rows) {
    const bytes = Buffer.byteLength(fitting(connection, row, 'a return')) + 1
    if (parts.length === 0 || size + bytes > connection.maxStatement) {
      parts.push(row)
      size = bytes
    } else {
      parts[parts.length - 1] += `,${row}`
      size += bytes
    }
  }
  return parts
}

function fitting(connection: Opened, text: string, what: string): string {
  const bytes = Buffer.byteLength(text)
  if (bytes <= connection.maxStatement) return text
  throw new PermanentError(`${what} takes ${bytes} bytes in the server's language, more than its max_allowed_packet (${connection.maxStatement + statementSlack})`)
}

function asLoad(json: unknown): Load {
  return JSON.parse(String(json)) as Load
}

function asRow(row: Row): StoredRow {
  return { fun: String(row['fun']), jid: String(row['jid']), id: String(row['id']), success: String(row['success']), full_ret: String(row['full_ret']) }
}
