import { WebSocket } from 'ws'
import { type Endpoint, hostPort, publishEndpoint, requestEndpoint } from './address.ts'
import { whenOpen } from './opening.ts'
import { TransportError } from './port.ts'
import { reasonOf } from './reason.ts'
import { createReplyQueue } from './reply-queue.ts'
import { DEFAULT_MAX_MESSAGE_BYTES } from './settings.ts'
import { keepAlive, pathOptions } from './stream.ts'
import { tlsOptions } from './tls.ts'
import type { MasterAddress } from './address.ts'
import type { RequestSocket, Socket, Transport } from './port.ts'
import type { TransportSettings } from './settings.ts'
import type { StreamSettings } from './stream.ts'
import type { Clock } from '../clock.ts'

export type WsSettings = MasterAddress & StreamSettings & Pick<TransportSettings, 'maxMessageBytes'>

/** aiohttp's default `max_msg_size` on the master: 4 MiB, of which the last byte is already too much. */
const MAX_REQUEST_BYTES = 4 * 1024 * 1024 - 1

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
      const socket = await open(requestEndpoint(settings), settings, clock, signal, (reply, from) => {
        if (!replies.settle(reply)) from.terminate()
      })
      return requestSocket(socket, replies)
    },
    async openPublications(port, onMessage, signal) {
      return publishSocket(await open(publishEndpoint(settings, port), settings, clock, signal, onMessage))
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
    ended = new TransportError('CLOSED', `the master's socket has ended (${lastError === undefined ? `code ${code}` : reasonOf(lastError)})`, { cause: lastError })
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
async function open(
  endpoint: Endpoint, settings: WsSettings, clock: Clock, signal: AbortSignal, onMessage: (message: Uint8Array, from: WebSocket) => void,
): Promise<WebSocket> {
  const { tls, path } = await optionsOf(endpoint, settings)
  if (signal.aborted) throw new TransportError('ABORTED', 'the connect was given up')
  const socket = new WebSocket(`${endpoint.isTls ? 'wss' : 'ws'}://${hostPort(endpoint)}${endpoint.path}`, {
    ...tls,
    ...path,
    perMessageDeflate: false,
    followRedirects: false,
    maxPayload: settings.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES,
  })
  const opened = whenOpen({ socket, endpoint, event: 'open', timeoutMs: settings.connectTimeoutMs, destroy: () => socket.terminate() }, clock, signal)
  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary) onMessage(data, socket)
  })
  socket.on('upgrade', (response) => keepAlive(response.socket, settings.keepAlive))
  return opened
}

async function optionsOf({ isTls }: Endpoint, settings: WsSettings) {
  try {
    return { tls: isTls ? await tlsOptions(settings.tls) : {}, path: await pathOptions(settings) }
  } catch (error) {
    throw new TransportError('UNREACHABLE', reasonOf(error), { cause: error })
  }
}
