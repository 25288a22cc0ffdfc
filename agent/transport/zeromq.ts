import { createHash } from 'node:crypto'
import { type Endpoint, publishEndpoint, requestEndpoint } from './address.ts'
import { packageRoot } from '../entry-points.ts'
import { createLanes } from './zeromq-requests.ts'
import { messageOf, openZeromqSocket, systemLookup } from './zeromq-socket.ts'
import { TransportError } from './port.ts'
import type { MasterAddress } from './address.ts'
import type { Transport } from './port.ts'
import type { Lookup, ZeromqModule, ZeromqOptions, ZeromqSocket, ZeromqTarget } from './zeromq-socket.ts'
import type { SourceSettings } from './source.ts'
import type { Clock } from '../clock.ts'
import type { Subscriber } from 'zeromq'

export interface ZeromqSettings extends MasterAddress {
  /** The minion's id: a master that filters publishes under its hash. */
  minionId: string
  /** Salt's `zmq_filtering`: let the master send only what concerns this minion. */
  filtering: boolean
  /** Milliseconds a connect may take: look-up, TCP and ZMTP's handshake. */
  connectTimeoutMs: number
  /** Salt's `ipv6`. */
  ipv6?: boolean
  /** Where connections come from. */
  source?: SourceSettings
  /** Largest message taken from the master, bytes; default 128 MiB. */
  maxMessageBytes?: number
  /** Idle milliseconds before TCP asks whether the other end is still there; 0 lets TCP never ask; 20 000 when left out. */
  keepAliveMs?: number
  /** Probes that may go unanswered (Salt's `tcp_keepalive_cnt`, default 10), and milliseconds between them (`tcp_keepalive_intvl`, default a second). */
  keepAliveProbes?: number
  keepAliveProbeMs?: number
  /** Silence after which ZMTP asks for a sign of life, and how long that may take; milliseconds, default 20 000. */
  heartbeatMs?: number
}

const DEFAULT_MAX_MESSAGE_BYTES = 128 * 1024 * 1024
const DEFAULT_KEEP_ALIVE_MS = 20_000
const DEFAULT_HEARTBEAT_MS = 20_000
/** As many as a stock master has workers, but one: this minion alone must not keep them all busy. */
const MAX_LANES = 4
const LANE_IDLE_MS = 10_000
/** What every master publishes under that is meant for all of its minions. */
const BROADCAST = 'broadcast'

const TO_DO = `npm install --prefix ${packageRoot} --no-save --omit=dev zeromq@6`

/** Why zeromq cannot be chosen, and what to do; undefined when the optional package is there. It is not loaded. */
export function whyNoZeromq(resolve: (name: string) => unknown = (name) => import.meta.resolve(name)): string | undefined {
  try {
    resolve('zeromq')
    return undefined
  } catch {
    return `needs the package "zeromq", which is not installed: ${TO_DO}`
  }
}

/**
 * Loads the optional package. It is not loaded by any other transport.
 * @throws Error that says how to install it, or why it cannot be loaded here
 */
export async function loadZeromq(load: () => Promise<ZeromqModule> = () => import('zeromq')): Promise<ZeromqModule> {
  try {
    return await load()
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
    const why = missing ? 'is not installed' : `cannot be loaded (${messageOf(error)})`
    throw new Error(`transport: zeromq needs the package "zeromq", which ${why}: ${TO_DO}`, { cause: error })
  }
}

/**
 * Salt's zeromq transport, the minion's side (transport/zeromq.py): a SUB socket for publications, REQ sockets for requests, messages without any
 * wrapper. Heartbeats of ZMTP, which every master with libzmq 4.2 or later answers by itself, find a connection whose other end is gone
 * without a word: the publish socket would be silent for ever.
 */
export function createZeromqTransport(zeromq: ZeromqModule, settings: ZeromqSettings, clock: Clock, lookup: Lookup = systemLookup): Transport {
  const options = socketOptions(settings)
  const targetOf = ({ host, port }: Endpoint): ZeromqTarget => ({ host, port, connectTimeoutMs: settings.connectTimeoutMs, ipv6: settings.ipv6, source: settings.source ?? {} })

  return {
    maxRequestBytes: Infinity,
    async openRequests(signal) {
      const target = targetOf(requestEndpoint(settings))
      const open = (own: AbortSignal) => openZeromqSocket((family) => new zeromq.Request({ ...options, ...family }), target, { clock, lookup, signal: own })
      return createLanes(await open(signal), { open, maxLanes: MAX_LANES, idleMs: LANE_IDLE_MS, clock })
    },
    async openPublications(port, onMessage, signal) {
      const target = targetOf(publishEndpoint(settings, port))
      const subscriptions = subscriptionsOf(settings)
      const socket = await openZeromqSocket((family) => {
        const subscriber = new zeromq.Subscriber({ ...options, ...family })
        subscriber.subscribe(...subscriptions)
        return subscriber
      }, target, { clock, lookup, signal })
      void pump(socket, settings.minionId, onMessage)
      return socket
    },
  }
}

function socketOptions(settings: ZeromqSettings): ZeromqOptions {
  const keepAliveMs = settings.keepAliveMs ?? DEFAULT_KEEP_ALIVE_MS
  const heartbeatMs = settings.heartbeatMs ?? DEFAULT_HEARTBEAT_MS
  return {
    // What was not sent when a socket is closed is not sent: nothing may keep the process from ending, and the outbox has it.
    linger: 0,
    reconnectInterval: -1,
    maxMessageSize: settings.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES,
    heartbeatInterval: heartbeatMs,
    heartbeatTimeout: heartbeatMs,
    tcpKeepalive: keepAliveMs > 0 ? 1 : 0,
    tcpKeepaliveIdle: Math.max(1, Math.round(keepAliveMs / 1000)),
    tcpKeepaliveCount: settings.keepAliveProbes ?? 10,
    tcpKeepaliveInterval: Math.max(1, Math.round((settings.keepAliveProbeMs ?? 1000) / 1000)),
  }
}

/** Salt hashes ids to topics, since libzmq compares only beginnings. */
function topicOf(minionId: string): string {
  return createHash('sha1').update(minionId).digest('hex')
}

/**
 * Without filtering: everything. With it: our topics, and whatever begins as a msgpack map does, since a master that does not filter
 * publishes without any topic and a stock minion then hears nothing.
 */
function subscriptionsOf({ filtering, minionId }: ZeromqSettings): (string | Buffer)[] {
  if (!filtering) return ['']
  const maps = [...Array.from({ length: 16 }, (_, size) => 0x80 + size), 0xde, 0xdf]
  return [BROADCAST, topicOf(minionId), ...maps.map((byte) => Buffer.from([byte]))]
}

/** Hands on what arrives, until the socket ends. A message of two parts has its topic first (a master with `zmq_filtering`). */
async function pump(socket: ZeromqSocket<Subscriber>, minionId: string, onMessage: (message: Uint8Array) => void): Promise<void> {
  const mine = new Set([BROADCAST, topicOf(minionId)])
  try {
    for await (const parts of socket.raw) {
      const [first, second] = parts
      if (first !== undefined && parts.length === 1) onMessage(first)
      else if (first !== undefined && second !== undefined && parts.length === 2 && mine.has(first.toString('latin1'))) onMessage(second)
    }
  } catch (error) {
    socket.end(new TransportError('CLOSED', `the master's publish socket has ended (${messageOf(error)})`, { cause: error }))
  }
}
