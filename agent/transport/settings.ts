/** What the transports have to know. */
import type { MasterAddress } from './address.ts'
import type { SourceSettings } from './source.ts'
import type { TlsSettings } from './tls.ts'

/** Salt's names of its transports. */
export type TransportKind = 'ws' | 'tcp' | 'zeromq'

export interface TransportSettings extends MasterAddress {
  /** `detect` asks the master's request port which one it speaks. */
  transport: TransportKind | 'detect'
  /** The minion's id: the topic of its own publications, and the identity of its sockets, on ZeroMQ. */
  minionId: string
  /** Milliseconds a connect may take, name look-up and handshakes included. */
  connectTimeoutMs: number
  /** Largest message taken from the master, bytes; default 128 MiB. */
  maxMessageBytes?: number
  keepAlive?: KeepAliveSettings
  /** How TLS is spoken, where it is. */
  tls?: TlsSettings
  /** Salt's `zmq_filtering`. */
  filtering: boolean
  /** Where connections come from; left out, the system decides. */
  source?: SourceSettings
  /** Salt's `ipv6`: true tries IPv6 addresses first, false takes IPv4 only; left out, the system decides. */
  ipv6?: boolean
}

/** Salt's `tcp_keepalive_*`: how TCP asks whether a silent other end is still there. Left out, TCP asks after 20 s, ten times, a second apart. */
export interface KeepAliveSettings {
  /** Silence before it asks, milliseconds; 0 never asks. */
  idleMs: number
  /** Between two questions, milliseconds. */
  intervalMs?: number
  /** Questions without an answer after which the socket ends. */
  count?: number
}

/** Largest message taken from a master unless the settings say otherwise, bytes. */
export const DEFAULT_MAX_MESSAGE_BYTES = 128 * 1024 * 1024
