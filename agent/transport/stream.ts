/** A TCP or TLS connection to one of a master's ports. */
import { lookup } from 'node:dns'
import { connect as connectTcp, isIP, type LookupFunction, type Socket as TcpSocket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { whenOpen } from './opening.ts'
import { TransportError } from './port.ts'
import { reasonOf } from './reason.ts'
import { sourceAddress } from './source.ts'
import { tlsOptions } from './tls.ts'
import type { Endpoint } from './address.ts'
import type { KeepAliveSettings, TransportSettings } from './settings.ts'
import type { Clock } from '../clock.ts'

const DEFAULT_KEEP_ALIVE: KeepAliveSettings = { idleMs: 20_000 }

/** What opening needs of the settings. */
export type StreamSettings = Pick<TransportSettings, 'connectTimeoutMs' | 'keepAlive' | 'tls' | 'ipv6' | 'source'>

/**
 * Resolves with a connected socket, after the TLS handshake where the endpoint has one. `onSocket` gets it before anything can come, for
 * its listeners. Rejects with a TransportError that says why and, where TLS is to blame, what to do.
 */
export async function openStream(endpoint: Endpoint, settings: StreamSettings, clock: Clock, signal: AbortSignal, onSocket: (socket: TcpSocket) => void): Promise<TcpSocket> {
  if (signal.aborted) throw new TransportError('ABORTED', 'the connect was given up')
  const socket = await startConnect(endpoint, settings)
  const opened = whenOpen({
    socket, endpoint, event: endpoint.isTls ? 'secureConnect' : 'connect', timeoutMs: settings.connectTimeoutMs, destroy: () => void socket.destroy(),
  }, clock, signal)
  onSocket(socket)
  keepAlive(await opened, settings.keepAlive)
  return socket
}

async function startConnect({ host, port, isTls }: Endpoint, settings: StreamSettings): Promise<TcpSocket> {
  try {
    const to = { host, port, noDelay: true, ...(await pathOptions(settings)) }
    if (!isTls) return connectTcp(to)
    const options = await tlsOptions(settings.tls)
    return connectTls({ ...to, ...options, ...(isIP(host) === 0 && { servername: host }) })
  } catch (error) {
    throw new TransportError('UNREACHABLE', reasonOf(error), { cause: error })
  }
}

/** Which of the other end's addresses a socket connects to, and from which of ours: options of a connect. @throws Error when there is no such address */
export async function pathOptions({ ipv6, source = {} }: Pick<StreamSettings, 'ipv6' | 'source'>): Promise<{ family?: 4 | 6; lookup?: LookupFunction; localAddress?: string }> {
  const localAddress = await sourceAddress(source, ipv6)
  // Both ends of a connection are of one family.
  if (localAddress !== undefined) return { localAddress, family: isIP(localAddress) === 6 ? 6 : 4 }
  if (ipv6 === undefined) return {}
  return ipv6 ? { lookup: (host, options, found) => lookup(host, { ...options, order: 'ipv6first' }, found) } : { family: 4 }
}

/** Lets TCP ask for a silent other end, as the settings say. */
export function keepAlive(socket: Pick<TcpSocket, 'setKeepAlive'>, settings = DEFAULT_KEEP_ALIVE): void {
  socket.setKeepAlive(settings.idleMs > 0, settings.idleMs, settings.intervalMs, settings.count)
}
