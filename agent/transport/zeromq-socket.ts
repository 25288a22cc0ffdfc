import { lookup } from 'node:dns/promises'
import { closeSync, openSync } from 'node:fs'
import { isIP } from 'node:net'
import { TransportError } from './port.ts'
import { reasonOf } from './reason.ts'
import { sourceAddress } from './source.ts'
import type { Socket } from './port.ts'
import type { SourceSettings } from './source.ts'
import type { Clock } from '../clock.ts'
import type * as Zeromq from 'zeromq'

export type ZeromqModule = typeof Zeromq

/** Where a socket connects to, and how long that may take. */
export interface ZeromqTarget {
  host: string
  port: number
  /** Milliseconds for everything: look-up, connect and ZMTP's handshake, however many addresses the name has. */
  connectTimeoutMs: number
  /** Salt's `ipv6`: true asks for IPv6 addresses first, false takes IPv4 only; undefined leaves it to the system. */
  ipv6: boolean | undefined
  /** Where the connection comes from. */
  source: SourceSettings
}

/** Finds the addresses of a name. */
export type Lookup = (host: string) => Promise<readonly { address: string; family: number }[]>

/** The system's own way: /etc/hosts, then DNS, in the system's order. */
export const systemLookup: Lookup = (host) => lookup(host, { all: true, order: 'verbatim' })

/** What opening a socket needs besides its target. */
export interface OpenParts {
  clock: Clock
  lookup: Lookup
  signal: AbortSignal
}

/** What every socket of ours is made with (libzmq's names in `zeromq`'s spelling). */
export interface ZeromqOptions {
  linger: number
  reconnectInterval: number
  maxMessageSize: number
  heartbeatInterval: number
  heartbeatTimeout: number
  tcpKeepalive: number
  tcpKeepaliveIdle: number
  tcpKeepaliveCount: number
  tcpKeepaliveInterval: number
}

/** A socket of libzmq with one connection, whose end is told. */
export interface ZeromqSocket<Raw extends Zeromq.Socket> extends Socket {
  readonly raw: Raw
  /** Ends it with this reason. */
  end(error: TransportError): void
}

/** Of all that libzmq tells of a socket, what means that its connection is not, or no longer, there. */
const ENDS = ['close', 'disconnect', 'handshake:error:protocol', 'handshake:error:auth', 'handshake:error:other'] as const

/**
 * Opens a socket: looks the name up afresh, since libzmq would keep what it found first, and tries its addresses in turn. Resolves
 * after ZMTP's handshake, so that "open" means that a ZeroMQ peer is there.
 * @throws TransportError
 */
export async function openZeromqSocket<Raw extends Zeromq.Socket>(
  make: (options: { ipv6: boolean }) => Raw, target: ZeromqTarget, parts: OpenParts,
): Promise<ZeromqSocket<Raw>> {
  const { host, port, connectTimeoutMs } = target
  const where = `${host}:${port}`
  if (parts.signal.aborted) throw givenUp()
  const { addresses, source } = await withLimit(pathOf(target, parts.lookup), connectTimeoutMs, where, parts)
  let why: unknown
  for (const address of addresses) {
    if (parts.signal.aborted) throw givenUp()
    try {
      const ipv6 = isIP(address) === 6
      expectDescriptors()
      const endpoint = `tcp://${source === undefined ? '' : `${bracketed(source)}:0;`}${bracketed(address)}:${port}`
      return await connect(make({ ipv6 }), endpoint, where, connectTimeoutMs / addresses.length, parts)
    } catch (error) {
      if (error instanceof TransportError && error.code === 'ABORTED') throw error
      why = error instanceof TransportError ? error : unreachable(where, messageOf(error), error)
    }
  }
  throw why
}

/** A socket with the two that watch it, and its connection, take five; the first one begins libzmq and takes four more. */
const DESCRIPTORS = 12

/**
 * Where file descriptors run out while libzmq begins, it aborts the process. Where they run out between a socket and those that watch it,
 * it tells of its end to nobody, and waits for ever: no socket of the process is really closed from then on. So none is made near the limit.
 * @throws the system's error (EMFILE) when there are too few
 */
function expectDescriptors(): void {
  const held: number[] = []
  try {
    while (held.length < DESCRIPTORS) held.push(openSync('/', 'r'))
  } finally {
    for (const descriptor of held) closeSync(descriptor)
  }
}

/** The other end's addresses that can be reached from ours, which is undefined where the system chooses it. */
async function pathOf(target: ZeromqTarget, find: Lookup): Promise<{ addresses: string[]; source: string | undefined }> {
  const source = await sourceAddress(target.source, target.ipv6)
  const addresses = await addressesOf(target, find)
  const reached = source === undefined ? addresses : addresses.filter((address) => isIP(address) === isIP(source))
  if (reached.length === 0) throw new Error(`it has no IPv${isIP(source ?? '')} address, as the source address ${source} is`)
  return { addresses: reached, source }
}

function bracketed(address: string): string {
  return isIP(address) === 6 ? `[${address}]` : address
}

/** The addresses of a name in the order in which they are to be tried (Salt: `salt.utils.network.dns_check`). */
async function addressesOf({ host, ipv6 }: ZeromqTarget, find: Lookup): Promise<string[]> {
  if (isIP(host) !== 0) return [host]
  const found = await find(host)
  const wanted = ipv6 === false ? found.filter(({ family }) => family === 4) : found
  if (wanted.length === 0) throw new Error(ipv6 === false ? 'it has no IPv4 address, and ipv6 is false' : 'it has no address')
  return (ipv6 === true ? wanted.toSorted((a, b) => b.family - a.family) : wanted).map(({ address }) => address)
}

/** A look-up cannot be called off; it is left alone when its time is over. */
async function withLimit<Found>(found: Promise<Found>, timeoutMs: number, where: string, { clock, signal }: OpenParts): Promise<Found> {
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(givenUp())
  const cancelTimer = clock.timer(timeoutMs, () => reject(unreachable(where, `its name was not found within ${timeoutMs} ms`)))
  signal.addEventListener('abort', onAbort)
  try {
    return await Promise.race([found.catch((error: unknown) => Promise.reject(unreachable(where, reasonOf(error), error))), promise])
  } finally {
    cancelTimer()
    signal.removeEventListener('abort', onAbort)
  }
}

/**
 * Connects a socket once. libzmq's own reconnecting is off (`reconnectInterval: -1`): it would hide that the master went away, and would never look the
 * name up again. The link makes a new socket.
 */
async function connect<Raw extends Zeromq.Socket>(
  raw: Raw, endpoint: string, where: string, timeoutMs: number, { clock, signal }: OpenParts,
): Promise<ZeromqSocket<Raw>> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const listeners: ((error: TransportError) => void)[] = []
  let ended: TransportError | undefined

  const end = (error: TransportError): void => {
    if (ended !== undefined) return
    ended = error
    reject(error)
    raw.close()
    for (const listener of listeners.splice(0)) listener(error)
  }
  const told = (event: { type: string; error?: Error }): void => {
    const what = event.error?.message ?? (event.type === 'close' ? 'the connection is refused' : event.type)
    end(opened ? new TransportError('CLOSED', `the master's socket at ${where} has ended (${what})`) : unreachable(where, what, event.error))
  }
  let opened = false
  for (const event of ENDS) raw.events.on(event, told)
  raw.events.on('handshake', () => {
    opened = true
    resolve()
  })
  const onAbort = (): void => end(givenUp())
  const cancelTimer = clock.timer(timeoutMs, () => end(unreachable(where, `no answer within ${timeoutMs} ms`)))
  signal.addEventListener('abort', onAbort)
  try {
    raw.connect(endpoint)
    await promise
  } catch (error) {
    end(error instanceof TransportError ? error : unreachable(where, messageOf(error), error))
    throw ended ?? error
  } finally {
    cancelTimer()
    signal.removeEventListener('abort', onAbort)
  }
  return {
    raw,
    end,
    onClose(listener) {
      if (ended === undefined) listeners.push(listener)
      else listener(ended)
    },
    close: () => end(new TransportError('CLOSED', 'the socket was closed')),
  }
}

function givenUp(): TransportError {
  return new TransportError('ABORTED', 'the connect was given up')
}

function unreachable(where: string, why: string, cause?: unknown): TransportError {
  return new TransportError('UNREACHABLE', `${where} cannot be reached: ${why}`, { cause })
}

/** The text of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
