import { randomUUID } from 'node:crypto'
import { publishEndpoint, requestEndpoint } from './address.ts'
import { createFrameReader, FRAME_OVERHEAD_BYTES, frameOf } from './frames.ts'
import { TransportError } from './port.ts'
import { createReplyTable } from './reply-table.ts'
import { DEFAULT_MAX_MESSAGE_BYTES } from './settings.ts'
import { reasonOf } from './reason.ts'
import { openStream } from './stream.ts'
import type { Frame } from './frames.ts'
import type { RequestSocket, Socket, Transport } from './port.ts'
import type { StreamSettings } from './stream.ts'
import type { MasterAddress } from './address.ts'
import type { TransportSettings } from './settings.ts'
import type { Clock } from '../clock.ts'
import type { Socket as TcpSocket } from 'node:net'

export type TcpSettings = MasterAddress & StreamSettings & Pick<TransportSettings, 'maxMessageBytes'>

/** The master's msgpack reader holds 100 MiB, the frame included. */
const MAX_REQUEST_BYTES = 100 * 1024 * 1024 - FRAME_OVERHEAD_BYTES

/**
 * Salt's tcp transport, the minion's side (transport/tcp.py): frames on a plain or TLS stream. Replies find their request by its message
 * id, in any order, so that one that is late or never comes holds up no other. On the publish socket the minion speaks first, since the
 * master sends what is for some minions only to those whose id it knows.
 */
export function createTcpTransport(settings: TcpSettings, clock: Clock): Transport {
  const open = (endpoint: ReturnType<typeof requestEndpoint>, signal: AbortSignal, onFrame: (frame: Frame) => void): Promise<FramedSocket> =>
    openFramed({ ...endpoint, settings, clock, onFrame }, signal)
  return {
    maxRequestBytes: MAX_REQUEST_BYTES,
    async openRequests(signal) {
      const replies = createReplyTable(clock)
      // A reply that nobody waits for any more came too late: nothing follows from it.
      const framed = await open(requestEndpoint(settings), signal, ({ mid, body }) => void replies.settle(mid, body))
      framed.socket.onClose((error) => replies.fail(error))
      return requestSocket(framed, replies)
    },
    async openPublications(port, onMessage, signal, hello) {
      const { socket, send } = await open(publishEndpoint(settings, port), signal, ({ body }) => onMessage(body))
      send(frameOf(hello))
      return socket
    },
  }
}

function requestSocket({ socket, send, isOpen, lastRead }: FramedSocket, replies: ReturnType<typeof createReplyTable>): RequestSocket {
  return {
    ...socket,
    outlivesTimeouts: true,
    request(bytes, timeoutMs, signal) {
      if (bytes.length > MAX_REQUEST_BYTES) {
        return Promise.reject(new TransportError('TOO_LARGE', `a request of ${bytes.length} bytes is beyond the ${MAX_REQUEST_BYTES} of tcp`))
      }
      if (!isOpen()) return Promise.reject(new TransportError('CLOSED', 'the socket has ended'))
      if (signal?.aborted === true) return Promise.reject(new TransportError('ABORTED', 'the request was given up'))
      const mid = randomUUID()
      const reply = replies.expect(mid, timeoutMs, signal, (since) => {
        // Not a byte since: it is the socket that is dead, not this one request that is slow.
        if (lastRead() < since) socket.close()
      })
      send(frameOf(bytes, mid))
      return reply
    },
  }
}

interface FramedSocket {
  socket: Socket
  send(frame: Buffer): void
  isOpen(): boolean
  /** Monotonic time of the last byte that came. */
  lastRead(): number
}

interface FramedSettings extends ReturnType<typeof requestEndpoint> {
  settings: TcpSettings
  clock: Clock
  onFrame: (frame: Frame) => void
}

async function openFramed({ settings, clock, onFrame, ...endpoint }: FramedSettings, signal: AbortSignal): Promise<FramedSocket> {
  const reader = createFrameReader(settings.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES)
  let lastRead = clock.monotonic()
  let lastError: Error | undefined
  const stream = await openStream(endpoint, settings, clock, signal, (opened) => {
    opened.on('error', (error) => {
      lastError = error
    })
    opened.on('data', (chunk: Buffer) => {
      lastRead = clock.monotonic()
      try {
        for (const frame of reader.push(chunk)) onFrame(frame)
      } catch (error) {
        opened.destroy(error instanceof Error ? error : new Error(String(error)))
      }
    })
  })
  return {
    socket: socketOf(stream, () => lastError),
    send: (frame) => void stream.write(frame),
    isOpen: () => !stream.destroyed && stream.writable,
    lastRead: () => lastRead,
  }
}

/** The port's view of a stream. A master that ends its half has ended the socket. */
function socketOf(stream: TcpSocket, lastError: () => Error | undefined): Socket {
  let ended: TransportError | undefined
  const listeners: ((error: TransportError) => void)[] = []
  const onEnd = (): void => {
    ended = new TransportError('CLOSED', `the master's socket has ended (${lastError() === undefined ? 'by the master' : reasonOf(lastError())})`, { cause: lastError() })
    for (const listener of listeners.splice(0)) listener(ended)
  }
  if (stream.destroyed) onEnd()
  else stream.once('close', onEnd)
  return {
    onClose(listener) {
      if (ended === undefined) listeners.push(listener)
      else listener(ended)
    },
    close: () => void stream.destroy(),
  }
}
