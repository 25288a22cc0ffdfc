import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A relay between a minion and one port of its master that can stop carrying while its connections stay open. */
export interface Relay {
  readonly port: number
  /** What comes from now on gets lost, and neither end is told. */
  stall(): void
  /** Whatever connects anew gets through again. */
  pass(): void
  close(): void
}

/** Starts it before a port of the loopback interface. */
export async function createRelay(target: number): Promise<Relay> {
  const sockets = new Set<Socket>()
  let stalled = false
  const join = (from: Socket, to: Socket): void => {
    sockets.add(from)
    from.on('data', (bytes) => {
      if (!stalled) to.write(bytes)
    })
    from.on('close', () => {
      sockets.delete(from)
      to.destroy()
    })
    from.on('error', () => to.destroy())
  }
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1')
    join(near, far)
    join(far, near)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    stall() {
      stalled = true
    },
    pass() {
      stalled = false
    },
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
