import { readFile } from 'node:fs/promises'
import { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { Client, ClientConfig } from 'pg'
import { bounded } from '../bounded.ts'
import { loadDriver } from '../driver.ts'
import { errorText } from '../error-code.ts'
import { fileError } from '../file-error.ts'
import { isNone } from '../salt-values.ts'
import { untilAborted } from '../until-aborted.ts'
import { pgError } from './errors.ts'
import type { PgSettings } from './options.ts'

/** How a returner reaches its database. */
export interface PgTarget {
  returner: string
  settings: PgSettings
  password: string
}

/** One statement's rows, each column as text unless the statement says otherwise. */
export type Row = Record<string, unknown>

/** An open connection. */
export interface PgConnection {
  /** One statement with values, or several without. The rows are those of the last. */
  query(text: string, values?: readonly unknown[]): Promise<Row[]>
  /** Whether the server has hung up. */
  isGone(): boolean
  cut(): void
  close(): Promise<void>
}

/** `salt@db.example.com:5432/salt`, for messages. */
export function placeOf({ settings: { user, host, port, db } }: PgTarget): string {
  return `${user}@${host}:${port}/${db}`
}

/**
 * Connects.
 *
 * @throws OperatorError, RetryAfterError or Error (to be retried), never with a password in it
 */
export async function connectPg(target: PgTarget, signal: AbortSignal): Promise<PgConnection> {
  const driver = await loadDriver(target.returner, 'pg', () => import('pg'))
  const { settings, password } = target
  const ssl = await tlsOptions(settings)
  const config: ClientConfig = {
    host: settings.host, port: settings.port, user: settings.user, database: settings.db, password, application_name: 'brine', keepAlive: true,
  }
  const attempt = (tls: ConnectionOptions | false) => {
    // A socket of our own: `end` of the driver waits for what is under way, and a connection that is given up must not.
    const socket = new Socket()
    const client = new driver.default.Client({ ...config, ssl: tls, stream: () => socket })
    return opened(client, socket, (limited) => bounded(settings.connect_timeout, placeOf(target), signal, limited))
      .catch((error: unknown) => {
        throw pgError(placeOf(target), error)
      })
  }
  try {
    return await attempt(ssl)
  } catch (error) {
    // libpq's `prefer`: without TLS when the server has none.
    if (ssl !== false && isOptional(settings.sslmode) && /does not support SSL/.test(errorText(error))) return attempt(false)
    throw error
  }
}

async function opened(client: Client, socket: Socket, limited: (connect: (signal: AbortSignal) => Promise<unknown>) => Promise<unknown>): Promise<PgConnection> {
  let gone = false
  const cut = () => {
    gone = true
    socket.destroy()
  }
  client.on('error', cut)
  client.on('end', () => {
    gone = true
  })
  try {
    await limited((signal) => untilAborted(client.connect(), signal))
  } catch (error) {
    cut()
    throw error
  }
  return {
    async query(text, values) {
      const result = await client.query<Row>(text, values === undefined ? undefined : [...values])
      // Several statements give a list of results.
      const last = Array.isArray(result) ? (result as { rows: Row[] }[]).at(-1) : result
      return last?.rows ?? []
    },
    isGone: () => gone,
    cut,
    async close() {
      await client.end()
    },
  }
}

function isOptional(mode: string | undefined): boolean {
  return isNone(mode) || mode === 'allow' || mode === 'prefer'
}

/** TLS as libpq does it: only `verify-ca` and `verify-full` look at the certificate, and `require` where authorities are named. */
async function tlsOptions(settings: PgSettings): Promise<ConnectionOptions | false> {
  const { sslmode } = settings
  if (sslmode === 'disable' || settings.host.startsWith('/')) return false
  const ca = await pem(settings.sslrootcert)
  const verifies = sslmode === 'verify-ca' || sslmode === 'verify-full' || (sslmode === 'require' && ca !== undefined)
  const files = { ca, cert: await pem(settings.sslcert), key: await pem(settings.sslkey), crl: await pem(settings.sslcrl) }
  const tls: ConnectionOptions = Object.fromEntries(Object.entries(files).filter(([, text]) => text !== undefined))
  return { ...tls, rejectUnauthorized: verifies, ...(sslmode !== 'verify-full' && { checkServerIdentity: () => undefined }) }
}

async function pem(path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined || isNone(path)) return undefined
  try {
    return await readFile(path)
  } catch (error) {
    throw fileError(path, error)
  }
}
