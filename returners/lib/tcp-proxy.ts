import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net'

/** Where connections are led to. */
export type ProxyTarget = { host: string; port: number } | { path: string }

/** A proxy on a port of its own of 127.0.0.1, to lose answers on purpose. */
export interface TcpProxy {
  readonly port: number
  /**
   * From now on so many chunks of the destination get through, over all connections; with the next one all are cut. Where the client has
   * finished and waits for the destination to finish, too, that end counts as a chunk.
   */
  cutAfter(answers: number): void
  /** Resolves with the next chunk of the destination that gets through. */
  answered(): Promise<void>
  /** Connections stay, and no byte gets through in either direction. */
  stall(): void
  /** Cuts every connection and takes no new ones. */
  refuse(): void
  /** Lets everything through again. */
  mend(): void
  close(): Promise<void>
}

/**
 * Starts a proxy in front of a server, for tests: the destination does what it was asked, and the answer is lost.
 *
 * @param rewrite what becomes of a chunk of the destination that gets through, for a protocol in which it names its own port
 */
export async function tcpProxy(target: ProxyTarget, rewrite: (chunk: Buffer, proxyPort: number) => Buffer = (chunk) => chunk): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  let answersLeft = Infinity
  let onAnswer = () => {}
  let mode: 'pass' | 'stall' | 'refuse' = 'pass'

  const cutAll = (): void => {
    for (const socket of sockets) cut(socket)
    sockets.clear()
  }

  /** Whether the next answer gets through; else all is cut. */
  const passes = (): boolean => {
    answersLeft -= 1
    if (answersLeft < 0) cutAll()
    return answersLeft >= 0
  }

  function join(client: Socket): void {
    if (mode === 'refuse') {
      client.destroy()
      return
    }
    const server = connect({ ...target, allowHalfOpen: true })
    const both = [client, server]
    for (const socket of both) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', (isBroken) => {
        sockets.delete(socket)
        for (const other of both) {
          if (isBroken) cut(other)
          else other.destroy()
        }
      })
    }
    client.on('data', (chunk) => {
      if (mode === 'pass') server.write(chunk)
    })
    server.on('data', (chunk) => {
      if (mode !== 'pass' || !passes()) return
      client.write(rewrite(chunk, portOf(listener)))
      onAnswer()
    })
    client.on('end', () => {
      if (mode === 'pass') server.end()
    })
    server.on('end', () => {
      if (mode !== 'pass') return
      if (!client.readableEnded) both.forEach((socket) => socket.end())
      else if (passes()) {
        client.end()
        onAnswer()
      }
    })
  }

  const listener = createServer({ allowHalfOpen: true }, join)
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject)
    listener.listen(0, '127.0.0.1', resolve)
  })
  return {
    port: portOf(listener),
    cutAfter(answers) {
      answersLeft = answers
    },
    answered: () => new Promise((resolve) => {
      onAnswer = resolve
    }),
    stall() {
      mode = 'stall'
    },
    refuse() {
      mode = 'refuse'
      cutAll()
    },
    mend() {
      answersLeft = Infinity
      // What was held back is lost: a connection that stood still cannot go on.
      if (mode === 'stall') cutAll()
      mode = 'pass'
    },
    async close() {
      cutAll()
      await new Promise((resolve) => listener.close(resolve))
    },
  }
}

function portOf(listener: Server): number {
  return (listener.address() as AddressInfo).port
}

/** To a side that has finished, a plain end would be an answer. */
function cut(socket: Socket): void {
  if (socket.readableEnded) socket.resetAndDestroy()
  else socket.destroy()
}
