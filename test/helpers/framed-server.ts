/** The server of Salt's tcp transport as a test wants it: real sockets, plain or TLS, and whatever bytes the test sends. */
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { createFrameReader, type Frame } from '../../agent/transport/frames.ts'

export interface FramedServer {
  readonly port: number
  readonly sockets: Set<Socket>
  /** What came, in order. */
  readonly frames: Frame[]
  /** What is done with a frame; a test changes it at any time. By default nothing. */
  onFrame: (frame: Frame, socket: Socket) => void
  /** What is done with a new connection. By default nothing. */
  onConnection: (socket: Socket) => void
  close(): Promise<void>
}

/** Starts one on a free port of the loopback interface. */
export async function startFramedServer(tls?: TlsOptions): Promise<FramedServer> {
  const onSocket = (socket: Socket): void => {
    const reader = createFrameReader(256 * 1024 * 1024)
    own.sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => own.sockets.delete(socket))
    socket.on('data', (chunk) => {
      try {
        for (const frame of reader.push(chunk)) {
          own.frames.push(frame)
          own.onFrame(frame, socket)
        }
      } catch {
        socket.destroy()
      }
    })
    own.onConnection(socket)
  }
  const server = tls === undefined ? createServer(onSocket) : createTlsServer(tls, onSocket)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const own: FramedServer = {
    port: (server.address() as AddressInfo).port,
    sockets: new Set<Socket>(),
    frames: [],
    onFrame: () => {},
    onConnection: () => {},
    async close() {
      for (const socket of own.sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  return own
}
