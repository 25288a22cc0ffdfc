/**
 * What a link asks of a transport: two kinds of sockets that carry whole messages as bytes. Nothing here knows what they mean.
 */
export interface Transport {
  /** Largest request the other side takes, bytes; Infinity when there is no bound. */
  readonly maxRequestBytes: number
  /** Opens a request socket, with a fresh look-up of the name. Rejects with a TransportError. */
  openRequests(signal: AbortSignal): Promise<RequestSocket>
  /**
   * Opens the publish socket on this port; every message goes to `onMessage`. `hello` says who we are: one message, for the transport on
   * which the minion speaks first. Rejects with a TransportError.
   */
  openPublications(port: number, onMessage: (message: Uint8Array) => void, signal: AbortSignal, hello: Uint8Array): Promise<Socket>
}

export interface Socket {
  /** Calls back once with the reason when the socket has ended, whoever ended it; at once when it has already. */
  onClose(listener: (error: TransportError) => void): void
  /** Ends it at once: nothing is waited for. */
  close(): void
}

export interface RequestSocket extends Socket {
  /** True where a request without a reply costs only itself: the socket and the other requests go on. */
  readonly outlivesTimeouts?: boolean
  /**
   * Sends a request and resolves with its reply. Several may be under way; which reply belongs to which request is the transport's
   * matter. One that gets none within `timeoutMs` rejects with TIMEOUT; where only their order joins them (ws) it also ends the socket, and
   * with it all the others. An aborted one rejects at once, and its reply is never taken for another's.
   * Rejects with a TransportError.
   */
  request(bytes: Uint8Array, timeoutMs: number, signal?: AbortSignal): Promise<Uint8Array>
}

export type TransportErrorCode =
  /** No socket could be opened. */
  | 'UNREACHABLE'
  /** The socket ended before the reply. */
  | 'CLOSED'
  /** No reply in time. */
  | 'TIMEOUT'
  /** Larger than the other side takes: not sent. */
  | 'TOO_LARGE'
  | 'ABORTED'

/** A message that did not get through. */
export class TransportError extends Error {
  readonly code: TransportErrorCode
  override name = 'TransportError'
  constructor(code: TransportErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
