import * as zeromq from 'zeromq'

/** A request as it came to a peer. */
export interface PeerRequest {
  /** The identity libzmq gave the asking socket, in hex. */
  from: string
  text: string
  answer(bytes: string | Uint8Array): Promise<void>
}

/** The master's two sockets of Salt's zeromq transport, with nothing behind them but a test. */
export interface ZeromqPeer {
  requestPort: number
  publishPort: number
  /** All that came. */
  requests: PeerRequest[]
  /** What happens to a request; it is sent back as it came unless a test says otherwise. */
  onRequest: (request: PeerRequest) => unknown
  /** What the subscribers want, in order: 1 and a topic, or 0 and a topic. */
  subscriptions: Buffer[]
  publish(...parts: (string | Uint8Array)[]): Promise<void>
  close(): void
}

const portOf = (socket: zeromq.Socket): number => Number(/:(\d+)$/.exec(socket.lastEndpoint ?? '')?.[1])

/** Binds both sockets, on free ports of 127.0.0.1 unless told otherwise. */
export async function createZeromqPeer(options: { host?: string; requestPort?: number; publishPort?: number } = {}): Promise<ZeromqPeer> {
  const { host = '127.0.0.1', requestPort, publishPort } = options
  const router = new zeromq.Router({ linger: 0, ipv6: host.includes(':') })
  const publisher = new zeromq.XPublisher({ linger: 0, ipv6: host.includes(':') })
  await router.bind(`tcp://${host}:${requestPort ?? '*'}`)
  await publisher.bind(`tcp://${host}:${publishPort ?? '*'}`)
  const peer: ZeromqPeer = {
    requestPort: portOf(router),
    publishPort: portOf(publisher),
    requests: [],
    onRequest: (request) => request.answer(request.text),
    subscriptions: [],
    publish: (...parts) => publisher.send(parts.map((part) => Buffer.from(part))),
    close() {
      router.close()
      publisher.close()
    },
  }
  void (async () => {
    for await (const [identity, empty, body] of router) {
      if (identity === undefined || empty?.length !== 0 || body === undefined) continue
      const request = { from: identity.toString('hex'), text: body.toString('latin1'), answer: (bytes: string | Uint8Array) => router.send([identity, empty, bytes]) }
      peer.requests.push(request)
      void peer.onRequest(request)
    }
  })()
  void (async () => {
    for await (const [message] of publisher) if (message !== undefined) peer.subscriptions.push(message)
  })()
  return peer
}
