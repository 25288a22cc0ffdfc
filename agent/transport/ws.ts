import { WebSocket } from 'ws'
import { publishUrl, requestUrl } from './address.ts'
import { TransportError } from './port.ts'
import { createReplyQueue } from './reply-queue.ts'
import type { MasterAddress } from './address.ts'
import type { RequestSocket, Socket, Transport } from './port.ts'
import type { Clock } from '../clock.ts'

/** TLS of `wss`: PEM texts. */
export interface TlsSettings {
  ca?: string
  cert?: string
  key?: string
  /** False takes any certificate; default true. */
  rejectUnauthorized?: boolean
}

export interface WsSettings extends MasterAddress {
  /** Milliseconds a connect may take, name look-up and handshake included. */
  connectTimeoutMs: number
  /** Largest message taken from the master, bytes; default 128 MiB. */
  maxMessageBytes?: number
  /**
   * Idle milliseconds before TCP asks whether the other end is still there; ten probes, a second apart, follow. 0 lets TCP never ask;
   * 20 000 when left out.
   */
  keepAliveMs?: number
  tls?: TlsSettings
}

/** aiohttp's default `max_msg_size` on the master: 4 MiB, of which the last byte is already too much. */
const MAX_REQUEST_BYTES = 4 * 1024 * 1024 - 1
const DEFAULT_MAX_MESSAGE_BYTES = 128 * 1024 * 1024
const DEFAULT_KEEP_ALIVE_MS = 20_000

/**
 * Salt's ws transport, the minion's side (transport/ws.py): plain WebSockets, one msgpack value per binary message.
 * No compression: a few kilobytes could otherwise unfold to any size. The publish socket is never pinged and never closed
 * politely, since a stock master does not read it.
 */
export function createWsTransport(settings: WsSettings, clock: Clock): Transport {
  return {
    maxRequestBytes: MAX_REQUEST_BYTES,
    async openRequests(signal) {
      const replies = createReplyQueue(clock)
      const socket = await open(requestUrl(settings), settings, clock, signal, (reply, from) => {
        if (!replies.settle(reply)) from.terminate()
      })
      return requestSocket(socket, replies)
    },
    async openPublications(port, onMessage, signal) {
      return publishSocket(await open(publishUrl(settings, port), settings, clock, signal, onMessage))
    },
  }
}

function requestSocket(socket: WebSocket, replies: ReturnType<typeof createReplyQueue>): RequestSocket {
  const base = publishSocket(socket)
  base.onClose((error) => replies.fail(error))
  return {
    ...base,
    request(bytes, timeoutMs, signal) {
      if (bytes.length > MAX_REQUEST_BYTES) {
        return Promise.reject(new TransportError('TOO_LARGE', `a request of ${bytes.length} bytes is beyond the ${MAX_REQUEST_BYTES} of ws`))
      }
      if (socket.readyState !== WebSocket.OPEN) return Promise.reject(new TransportError('CLOSED', 'the socket has ended'))
      if (signal?.aborted === true) return Promise.reject(new TransportError('ABORTED', 'the request was given up'))
      socket.send(bytes)
      return replies.expect(timeoutMs, signal, () => socket.terminate())
    },
  }
}

function publishSocket(socket: WebSocket): Socket {
  let lastError: Error | undefined
  let ended: TransportError | undefined
  const listeners: ((error: TransportError) => void)[] = []
  socket.on('error', (error) => {
    lastError = error
  })
  socket.on('close', (code) => {
    ended = new TransportError('CLOSED', `the master's socket has ended (${lastError?.message ?? `code ${code}`})`, { cause: lastError })
    for (const listener of listeners.splice(0)) listener(ended)
  })
  return {
    onClose(listener) {
      if (ended === undefined) listeners.push(listener)
      else listener(ended)
    },
    close: () => socket.terminate(),
  }
}

/**
 * Resolves with an open socket. Its listeners are there from the first moment on: no error of it is uncaught, and a message that
 * comes in one packet with the handshake's end is not missed.
 */
function open(
  url: URL, settings: WsSettings, clock: Clock, signal: AbortSignal, onMessage: (message: Uint8Array, from: WebSocket) => void,
): Promise<WebSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<WebSocket>()
  if (signal.aborted) return Promise.reject(new TransportError('ABORTED', 'the connect was given up'))
  const socket = new WebSocket(url, {
    ...settings.tls,
    perMessageDeflate: false,
    followRedirects: false,
    maxPayload: settings.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES,
  })
  const fail = (code: 'UNREACHABLE' | 'ABORTED', why: string, cause?: unknown): void => {
    reject(new TransportError(code, `${url.host} cannot be reached: ${why}`, { cause }))
    socket.terminate()
  }
  const onAbort = (): void => fail('ABORTED', 'given up')
  const cancelTimer = clock.timer(settings.connectTimeoutMs, () => fail('UNREACHABLE', `no answer within ${settings.connectTimeoutMs} ms`))
  const settled = (): void => {
    cancelTimer()
    signal.removeEventListener('abort', onAbort)
  }
  signal.addEventListener('abort', onAbort)
  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary) onMessage(data, socket)
  })
  socket.on('error', (error) => fail('UNREACHABLE', messageOf(error), error))
  const keepAliveMs = settings.keepAliveMs ?? DEFAULT_KEEP_ALIVE_MS
  socket.on('upgrade', (response) => response.socket.setKeepAlive(keepAliveMs > 0, keepAliveMs))
  socket.once('close', () => {
    settled()
    fail('UNREACHABLE', 'the socket has ended')
  })
  socket.once('open', () => {
    settled()
    resolve(socket)
  })
  return promise
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection is refused',
  ENOTFOUND: 'its name is not known',
  EAI_AGAIN: 'its name cannot be looked up now',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'its network is not reachable',
  ETIMEDOUT: 'no answer',
}

/** A refused connect to a name with several addresses carries its reasons inside. */
function messageOf(error: Error): string {
  if (error instanceof AggregateError) return [...new Set(error.errors.map((each) => (each instanceof Error ? messageOf(each) : String(each))))].join(', ')
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  // The system's own text names the address again.
  return Object.hasOwn(REASONS, code) ? `${REASONS[code]} (${code})` : error.message
}
