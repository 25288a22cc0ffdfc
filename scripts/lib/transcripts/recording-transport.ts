import { TransportError } from '../../../agent/transport/port.ts'
import type { RequestSocket, Transport } from '../../../agent/transport/port.ts'
import type { Happening } from './transcript.ts'

export interface Recording {
  transport: Transport
  happenings: Happening[]
  /** Changes a byte of the next request. */
  damageNext(): void
}

/** Notes everything that passes a transport, in its order, and passes it on. */
export function recordTransport(inner: Transport): Recording {
  const happenings: Happening[] = []
  let sockets = 0
  let requests = 0
  let isDamaging = false
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

  async function opening<Opened extends { onClose(listener: () => void): void }>(what: 'requests' | 'publications', open: () => Promise<Opened>) {
    try {
      const opened = await open()
      sockets += 1
      const socket = sockets
      happenings.push({ open: what, socket })
      opened.onClose(() => happenings.push({ closed: socket }))
      return { opened, socket }
    } catch (error) {
      happenings.push({ refused: what })
      throw error
    }
  }

  async function send(inSocket: RequestSocket, socket: number, bytes: Uint8Array, timeoutMs: number, signal?: AbortSignal): Promise<Uint8Array> {
    requests += 1
    const request = requests
    const damaged = isDamaging
    isDamaging = false
    const sent = damaged ? changed(bytes) : bytes
    happenings.push({ request, socket, bytes: base64(sent), ...(damaged && { damaged }) })
    try {
      const reply = await inSocket.request(sent, timeoutMs, signal)
      happenings.push({ reply: request, bytes: base64(reply) })
      return reply
    } catch (error) {
      happenings.push({ lost: request, code: error instanceof TransportError ? error.code : 'CLOSED' })
      throw error
    }
  }

  return {
    happenings,
    damageNext() {
      isDamaging = true
    },
    transport: {
      get maxRequestBytes() {
        return inner.maxRequestBytes
      },
      async openRequests(signal) {
        const { opened, socket } = await opening('requests', () => inner.openRequests(signal))
        return { ...opened, request: (bytes, timeoutMs, own) => send(opened, socket, bytes, timeoutMs, own) }
      },
      async openPublications(port, onMessage, ...rest) {
        const noted = (message: Uint8Array): void => {
          happenings.push({ publication: base64(message) })
          onMessage(message)
        }
        return (await opening('publications', () => inner.openPublications(port, noted, ...rest))).opened
      },
    },
  }
}

/** Of a sealed request: a byte in the middle is one of its ciphertext. */
function changed(bytes: Uint8Array): Uint8Array {
  const copy = Buffer.from(bytes)
  const middle = Math.floor(copy.length / 2)
  copy[middle] = (copy[middle] ?? 0) ^ 1
  return copy
}
