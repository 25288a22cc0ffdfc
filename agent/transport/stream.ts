/** A TCP or TLS connection to one of a master's ports. */
import { connect as connectTcp, isIP, type Socket as TcpSocket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type Endpoint, hostPort } from './address.ts'
import { TransportError } from './port.ts'
import { tlsMeaning, tlsOptions, TlsFileError } from './tls.ts'
import type { KeepAliveSettings, TransportSettings } from './settings.ts'
import type { Clock } from '../clock.ts'

const DEFAULT_KEEP_ALIVE: KeepAliveSettings = { idleMs: 20_000 }

/** What opening needs of the settings. */
export type StreamSettings = Pick<TransportSettings, 'connectTimeoutMs' | 'keepAlive' | 'tls' | 'ipv6'>

/**
 * Resolves with a connected socket, after the TLS handshake where the endpoint has one. `onSocket` gets it before anything can come, for
 * its listeners. Rejects with a TransportError that says why and, where TLS is to blame, what to do.
 */
export async function openStream(endpoint: Endpoint, settings: StreamSettings, clock: Clock, signal: AbortSignal, onSocket: (socket: TcpSocket) => void): Promise<TcpSocket> {
  if (signal.aborted) throw new TransportError('ABORTED', 'the connect was given up')
  const socket = await startConnect(endpoint, settings)
  const { promise, resolve, reject } = Promise.withResolvers<TcpSocket>()
  const fail = (code: 'UNREACHABLE' | 'ABORTED', why: string, cause?: unknown): void => {
    reject(new TransportError(code, `${hostPort(endpoint)} cannot be reached: ${why}`, { cause }))
    socket.destroy()
  }
  const onAbort = (): void => fail('ABORTED', 'given up')
  const cancelTimer = clock.timer(settings.connectTimeoutMs, () => fail('UNREACHABLE', `no answer within ${settings.connectTimeoutMs} ms`))
  const settled = (): void => {
    cancelTimer()
    signal.removeEventListener('abort', onAbort)
  }
  signal.addEventListener('abort', onAbort)
  socket.on('error', (error) => fail('UNREACHABLE', reasonOf(error), error))
  socket.once('close', () => {
    settled()
    fail('UNREACHABLE', 'the socket has ended')
  })
  socket.once(endpoint.isTls ? 'secureConnect' : 'connect', () => {
    settled()
    keepAlive(socket, settings.keepAlive)
    resolve(socket)
  })
  onSocket(socket)
  if (signal.aborted) onAbort()
  return promise
}

async function startConnect({ host, port, isTls }: Endpoint, settings: StreamSettings): Promise<TcpSocket> {
  const to = { host, port, noDelay: true, ...(settings.ipv6 === false && { family: 4 }) }
  if (!isTls) return connectTcp(to)
  try {
    const options = await tlsOptions(settings.tls)
    return connectTls({ ...to, ...options, ...(isIP(host) === 0 && { servername: host }) })
  } catch (error) {
    throw new TransportError('UNREACHABLE', reasonOf(error), { cause: error })
  }
}

/** Lets TCP ask for a silent other end, as the settings say. */
export function keepAlive(socket: Pick<TcpSocket, 'setKeepAlive'>, settings = DEFAULT_KEEP_ALIVE): void {
  socket.setKeepAlive(settings.idleMs > 0, settings.idleMs, settings.intervalMs, settings.count)
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection is refused',
  ENOTFOUND: 'its name is not known',
  EAI_AGAIN: 'its name cannot be looked up now',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'its network is not reachable',
  ETIMEDOUT: 'no answer',
}

/** Why a connect failed, for people. A refused connect to a name with several addresses carries its reasons inside. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return [...new Set(error.errors.map(reasonOf))].join(', ')
  if (!(error instanceof Error)) return String(error)
  if (error instanceof TlsFileError) return error.message
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  // The system's own text names the address again.
  return Object.hasOwn(REASONS, code) ? `${REASONS[code]} (${code})` : (tlsMeaning(error) ?? error.message)
}
