import { readFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import type { Connection, ConnectionOptions, ResultSetHeader, RowDataPacket, SslOptions } from 'mysql2/promise'
import { bounded } from '../lib/bounded.ts'
import { loadDriver } from '../lib/driver.ts'
import { fileError } from '../lib/file-error.ts'
import { isNone } from '../lib/salt-values.ts'
import { untilAborted } from '../lib/until-aborted.ts'
import { mysqlError } from './errors.ts'
import type { Options } from './options.ts'

export type Row = Record<string, unknown>

/** An open connection, its session set up. */
export interface MysqlConnection {
  /** One statement; its values are escaped by the driver, for the SQL mode that the session has. */
  query(text: string, values?: readonly unknown[]): Promise<Row[]>
  /** A part of a statement with its values in it. */
  format(text: string, values: readonly unknown[]): string
  isGone(): boolean
  cut(): void
  close(): Promise<void>
}

/** `salt@db.example.com:3306/salt`, for messages. */
export function placeOf({ user, host, port, unix_socket, db }: Options): string {
  return `${user}@${isNone(unix_socket) ? `${host}:${port}` : String(unix_socket)}/${db}`
}

/**
 * Connects.
 *
 * @throws OperatorError, RetryAfterError or Error (to be retried), never with a password in it
 */
export async function connectMysql(settings: Options, signal: AbortSignal): Promise<MysqlConnection> {
  const driver = await loadDriver('mysql', 'mysql2', () => import('mysql2/promise'))
  const ssl = await tlsOptions(settings)
  // A socket of our own, to be cut while the driver still waits for a server that says nothing.
  const socket = isNone(settings.unix_socket) ? connect(settings.port, settings.host) : connect(String(settings.unix_socket))
  const config: ConnectionOptions = {
    host: settings.host, user: settings.user, password: settings.pass.reveal(), database: settings.db, charset: 'utf8mb4', stream: () => socket,
    flags: ['-LOCAL_FILES'], ...(ssl !== undefined && { ssl }),
  }
  try {
    return await bounded(settings.connect_timeout, placeOf(settings), signal, async (limited) => {
      const connection = await untilAborted(driver.createConnection(config), limited, () => socket.destroy())
      return await untilAborted(prepared(connection, socket, settings), limited, () => socket.destroy())
    })
  } catch (error) {
    socket.destroy()
    throw mysqlError(placeOf(settings), error)
  }
}

async function prepared(connection: Connection, socket: Socket, settings: Options): Promise<MysqlConnection> {
  let gone = false
  const leave = () => {
    gone = true
  }
  connection.on('error', leave)
  socket.on('close', leave)
  // Strict, so that nothing is cut or replaced in silence; with backslashes, as the driver escapes. A session whose client is gone ends by
  // itself, and with it its lock.
  await connection.query("SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', wait_timeout = ?", [Math.ceil(settings.timeout) + 30])
  return {
    async query(text, values = []) {
      const [rows] = await connection.query<RowDataPacket[] | ResultSetHeader>(text, [...values])
      return Array.isArray(rows) ? rows : []
    },
    format: (text, values) => connection.format(text, [...values]),
    isGone: () => gone,
    cut() {
      gone = true
      connection.destroy()
      socket.destroy()
    },
    async close() {
      await connection.end()
    },
  }
}

async function tlsOptions(settings: Options): Promise<SslOptions | undefined> {
  const files = { ca: await pem(settings.ssl_ca), cert: await pem(settings.ssl_cert), key: await pem(settings.ssl_key) }
  const given = Object.entries(files).filter(([, text]) => text !== undefined)
  if (given.length === 0 && !settings.ssl) return undefined
  return { ...Object.fromEntries(given), rejectUnauthorized: settings.ssl_verify_cert, verifyIdentity: settings.ssl_verify_identity }
}

async function pem(path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined || isNone(path)) return undefined
  try {
    return await readFile(path)
  } catch (error) {
    throw fileError(path, error)
  }
}
