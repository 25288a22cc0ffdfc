import { readFile } from 'node:fs/promises'
import type { ConnectionOptions } from 'node:tls'
import type { Cluster, Redis } from 'ioredis'
import { OperatorError } from '../contract.ts'
import { bounded } from '../lib/bounded.ts'
import { loadDriver } from '../lib/driver.ts'
import { errorText } from '../lib/error-code.ts'
import { fileError } from '../lib/file-error.ts'
import { isNone } from '../lib/salt-values.ts'
import { untilAborted } from '../lib/until-aborted.ts'
import { redisError } from './errors.ts'
import type { Options } from './options.ts'

/** An open connection: to a server, or to all of a cluster. */
export interface RedisConnection {
  client: Redis | Cluster
  /** The servers that keys are spread over. */
  masters(): Redis[]
  /** What the server takes in one value, bytes: it hangs up on more, most often without a word. */
  maxValue(): number
  /** Why it ended: what the driver rejects commands with then says only that it did. */
  lastError(): unknown
  isGone(): boolean
  cut(): void
  close(): Promise<void>
}

/** `redis.example.com:6379/0`, for messages. */
export function placeOf(settings: Options): string {
  if (settings.cluster_mode) return settings['cluster.startup_nodes'].map(({ host, port }) => `${host}:${port}`).join(',')
  return `${isNone(settings.unix_socket_path) ? `${settings.host}:${settings.port}` : String(settings.unix_socket_path)}/${settings.db}`
}

/**
 * Connects and authenticates.
 *
 * @throws OperatorError, RetryAfterError or Error (to be retried), never with a password in it
 */
export async function connectRedis(settings: Options, signal: AbortSignal): Promise<RedisConnection> {
  const driver = await loadDriver('redis', 'ioredis', () => import('ioredis'))
  const nodes = settings['cluster.startup_nodes']
  if (settings.cluster_mode && nodes.length === 0) throw new OperatorError('the option "cluster.startup_nodes" of the returner redis names no node of the cluster')
  const common = await commonOptions(settings)
  const client = settings.cluster_mode
    ? new driver.Cluster(nodes, {
      lazyConnect: true, clusterRetryStrategy: () => null, slotsRefreshTimeout: settings.connect_timeout * 1000, redisOptions: { ...common, ...identity(settings) },
    })
    : new driver.Redis({ ...common, ...address(settings), lazyConnect: true })
  let last: unknown
  client.on('error', (error: unknown) => {
    last = causeOf(error)
  })
  // A cluster of which no node answers only ends.
  const ended = new Promise<never>((_resolve, reject) => {
    client.once('end', () => reject(new Error('Connection is closed.')))
  })
  ended.catch(() => {})
  let maxValue = defaultMaxValue
  const connection: RedisConnection = {
    client,
    maxValue: () => maxValue,
    masters: () => ('nodes' in client ? client.nodes('master') : [client]),
    lastError: () => last,
    isGone: () => client.status === 'end' || client.status === 'close',
    cut: () => client.disconnect(),
    async close() {
      await client.quit()
    },
  }
  try {
    const entered = enter(client, settings).then(() => askMaxValue(client))
    maxValue = await bounded(settings.connect_timeout, placeOf(settings), signal, (limited) => untilAborted(Promise.race([entered, ended]), limited))
    return connection
  } catch (error) {
    client.disconnect()
    throw redisError(placeOf(settings), isHangUp(error) && last !== undefined ? last : error)
  }
}

const defaultMaxValue = 512 * 1024 * 1024

/** Not everybody may ask; then the default counts. */
async function askMaxValue(client: Redis | Cluster): Promise<number> {
  const found: unknown = await client.call('CONFIG', 'GET', 'proto-max-bulk-len').catch(() => null)
  const value = Array.isArray(found) ? Number(found[1]) : Number.NaN
  return Number.isSafeInteger(value) && value > 0 ? value : defaultMaxValue
}

/** The driver's words for a command whose connection has ended, whatever ended it. */
export function isHangUp(error: unknown): boolean {
  return /^(Connection is closed|Stream isn't writeable|None of startup nodes is available|Failed to refresh slots cache)/.test(errorText(error))
}

/** Asked in words, so that a refusal is the answer to a question and not an event of its own. A cluster's nodes are entered by the driver. */
async function enter(client: Redis | Cluster, settings: Options): Promise<void> {
  await client.connect()
  if (settings.cluster_mode) return
  const { username, password } = identity(settings)
  if (password !== undefined) await client.call('AUTH', ...(username === undefined ? [password] : [username, password]))
  if (settings.db !== 0) await client.call('SELECT', String(settings.db))
  // Without it, a server that wants a password would refuse the first batch and not the opening.
  await client.call('PING')
}

function identity({ username, password }: Options): { username?: string; password?: string } {
  return { ...(username !== undefined && { username }), ...(password !== undefined && { password: password.reveal() }) }
}

function address({ unix_socket_path, host, port }: Options): { host: string; port: number } | { path: string } {
  return isNone(unix_socket_path) ? { host, port } : { path: String(unix_socket_path) }
}

/** Nothing is repeated and nothing waits in the driver: that is the agent's. */
async function commonOptions(settings: Options) {
  const tls = await tlsOptions(settings)
  return {
    retryStrategy: () => null, reconnectOnError: () => false, maxRetriesPerRequest: 0, enableReadyCheck: false, autoResendUnfulfilledCommands: false,
    disableClientInfo: true, connectTimeout: settings.connect_timeout * 1000, ...(tls !== undefined && { tls }),
  }
}

async function tlsOptions(settings: Options): Promise<ConnectionOptions | undefined> {
  if (!settings.ssl) return undefined
  const files = { ca: await pem(settings.ssl_ca_certs), cert: await pem(settings.ssl_certfile), key: await pem(settings.ssl_keyfile) }
  const given = Object.fromEntries(Object.entries(files).filter(([, text]) => text !== undefined))
  return { ...given, rejectUnauthorized: settings.ssl_verify }
}

async function pem(path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined || isNone(path)) return undefined
  try {
    return await readFile(path)
  } catch (error) {
    throw fileError(path, error)
  }
}

/** A cluster tells of its nodes' errors inside of one of its own. */
function causeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'lastNodeError' in error && error.lastNodeError !== undefined ? error.lastNodeError : error
}
