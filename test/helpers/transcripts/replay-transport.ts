import { TransportError } from '../../../agent/transport/port.ts'
import { until } from '../until.ts'
import type { RequestSocket, Socket, Transport } from '../../../agent/transport/port.ts'

/** What a link under replay waits for, and what the player gives it. */
export interface ReplayTransport {
  transport: Transport
  /** Waits until the link opens a socket of this kind, and opens it, or refuses. */
  open(what: 'requests' | 'publications', socket: number): Promise<void>
  refuse(what: 'requests' | 'publications'): Promise<void>
  /** Waits until the link sends a request on the socket; gives its bytes. */
  request(number: number, socket: number): Promise<Uint8Array>
  reply(number: number, bytes: Uint8Array): void
  lose(number: number, code: string): void
  publish(bytes: Uint8Array): void
  close(socket: number): void
}

interface Opening {
  what: 'requests' | 'publications'
  resolve: (number: number) => void
  reject: (error: TransportError) => void
}

interface Asked {
  socket: number
  bytes: Uint8Array
  resolve: (reply: Uint8Array) => void
  reject: (error: TransportError) => void
}

/** A transport whose other side is played from a record: nothing happens on it but what the player says. */
export function createReplayTransport(): ReplayTransport {
  const openings: Opening[] = []
  const asked: Asked[] = []
  const underWay = new Map<number, Asked>()
  const listeners = new Map<number, ((error: TransportError) => void)[]>()
  let onMessage: (message: Uint8Array) => void = () => {}

  const opening = (what: Opening['what']): Promise<number> => new Promise((resolve, reject) => {
    openings.push({ what, resolve, reject })
  })
  const taken = async (what: Opening['what']): Promise<Opening> => {
    await until(() => openings.some((one) => one.what === what), `the link opens its ${what}`)
    const [one] = openings.splice(openings.findIndex((each) => each.what === what), 1)
    if (one === undefined) throw new Error('the opening has gone')
    return one
  }
  const close = (socket: number): void => {
    const error = new TransportError('CLOSED', 'the record says that it ended')
    for (const listener of listeners.get(socket)?.splice(0) ?? []) listener(error)
  }
  const socketOf = (socket: number): Socket => ({
    onClose: (listener) => void listeners.set(socket, [...listeners.get(socket) ?? [], listener]),
    close: () => close(socket),
  })

  return {
    transport: {
      maxRequestBytes: Infinity,
      async openRequests(): Promise<RequestSocket> {
        const socket = await opening('requests')
        return {
          ...socketOf(socket),
          request: (bytes) => new Promise((resolve, reject) => {
            asked.push({ socket, bytes, resolve, reject })
          }),
        }
      },
      async openPublications(_port, listener) {
        onMessage = listener
        return socketOf(await opening('publications'))
      },
    },
    async open(what, socket) {
      (await taken(what)).resolve(socket)
    },
    async refuse(what) {
      (await taken(what)).reject(new TransportError('UNREACHABLE', 'the record says that it was refused'))
    },
    async request(number, socket) {
      await until(() => asked.some((one) => one.socket === socket), `the link sends request ${number} on socket ${socket}`)
      const [one] = asked.splice(asked.findIndex((each) => each.socket === socket), 1)
      if (one === undefined) throw new Error('the request has gone')
      underWay.set(number, one)
      return one.bytes
    },
    reply: (number, bytes) => underWay.get(number)?.resolve(bytes),
    lose: (number, code) => underWay.get(number)?.reject(new TransportError(code as 'CLOSED', 'the record says that it was lost')),
    publish: (bytes) => onMessage(bytes),
    close,
  }
}
