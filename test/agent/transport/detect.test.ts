import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket as TcpSocket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { Dealer, Router } from 'zeromq'
import { type Clock, systemClock } from '../../../agent/clock.ts'
import { silentLogger } from '../../../agent/log.ts'
import { requestEndpoint } from '../../../agent/transport/address.ts'
import { createDetectingTransport } from '../../../agent/transport/detect.ts'
import { frameOf } from '../../../agent/transport/frames.ts'
import type { RequestSocket, Transport } from '../../../agent/transport/port.ts'
import { probeTransport } from '../../../agent/transport/probe.ts'
import { createTransport } from '../../../agent/transport/select.ts'
import type { TransportKind, TransportSettings } from '../../../agent/transport/settings.ts'
import { encode } from '../../../agent/wire/msgpack.ts'
import { createFakeClock, type FakeClock } from '../../helpers/fake-clock.ts'
import { startFramedServer } from '../../helpers/framed-server.ts'

const never = new AbortController().signal
const releases: (() => unknown)[] = []
afterEach(async () => {
  for (const release of releases.splice(0).toReversed()) await release()
})

/** A server that does this with each connection; gives its port. */
async function listening(onConnection: (socket: TcpSocket) => void): Promise<number> {
  const open = new Set<TcpSocket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => {})
    onConnection(socket)
  }).listen(0, '127.0.0.1')
  releases.push(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function websockets(): Promise<number> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  server.on('connection', (socket) => socket.on('message', (data: Buffer) => socket.send(data)))
  releases.push(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function framed() {
  const server = await startFramedServer()
  server.onFrame = ({ mid, body }, peer) => peer.write(frameOf(body, mid))
  releases.push(() => server.close())
  return server
}

const settings = (port: number): TransportSettings => ({ transport: 'detect', master: `127.0.0.1:${port}`, minionId: 'web1', connectTimeoutMs: 5000, filtering: false })
const probe = (port: number, clock: Clock = systemClock, signal = never): Promise<TransportKind> =>
  probeTransport(requestEndpoint(settings(port)), settings(port), clock, signal)

const probeTls = (port: number, clock: Clock, signal: AbortSignal): Promise<string> =>
  probeTransport(requestEndpoint({ ...settings(port), isTls: true }), settings(port), clock, signal).catch((error: Error) => error.message)

/** Waits for the time limit of the next step, which begins when our end of the connection is there, too. */
async function onlyTimer(clock: FakeClock): Promise<void> {
  while (clock.pending().length === 0) await new Promise(setImmediate)
}

describe('what a request port speaks', () => {
  test('is told by ws, tcp and zeromq', async () => {
    const router = new Router({ linger: 0 })
    releases.push(() => router.close())
    await router.bind('tcp://127.0.0.1:*')

    expect(await probe(await websockets())).toBe('ws')
    expect(await probe((await framed()).port)).toBe('tcp')
    expect(await probe(Number(router.lastEndpoint?.split(':').at(-1)))).toBe('zeromq')
  })

  test('nothing is sent to who greets first, and eighteen bytes to who does not', async () => {
    const got: Buffer[] = []
    const greeting = await listening((socket) => {
      socket.on('data', (data) => got.push(data))
      socket.write(Buffer.of(0xff, 0, 0, 0, 0, 0))
      socket.write(Buffer.of(0, 0, 1, 0x7f))
    })
    expect(await probe(greeting)).toBe('zeromq')
    expect(got).toEqual([])

    const silent = await listening((socket) => socket.once('data', (data) => {
      got.push(data)
      socket.destroy()
    }))
    expect(await probe(silent)).toBe('tcp')
    expect(Buffer.concat(got)).toHaveLength(18)
  })

  test('the question makes no message in a ZeroMQ master whose greeting was late', async () => {
    const router = new Router({ linger: 0 })
    const dealer = new Dealer({ linger: 0 })
    releases.push(() => dealer.close(), () => router.close())
    await router.bind('tcp://127.0.0.1:*')
    const endpoint = router.lastEndpoint ?? ''
    const raw = connect(Number(endpoint.split(':').at(-1)), '127.0.0.1')
    await once(raw, 'connect')
    raw.end('GET / HTTP/1.0\r\n\r\n')
    raw.resume()
    await once(raw, 'close')
    dealer.connect(endpoint)
    await dealer.send('a real one')
    const [, text] = await router.receive()

    expect(String(text)).toBe('a real one')
  })

  test.each<[string, string, RegExp]>([
    ['another protocol', 'SSH-2.0-OpenSSH\r\n', /what answers there is no Salt master/],
    ['a proxy without a master behind it', '', /it hangs up at once/],
  ])('%s is said to be none', async (_what, text, message) => {
    await expect(probe(await listening((socket) => socket.end(text)))).rejects.toThrow(message)
  })

  test('a master that never answers costs a bounded time', async () => {
    const clock = createFakeClock()
    const connected = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<void>()
    const port = await listening((socket) => {
      connected.resolve()
      socket.once('data', () => asked.resolve())
    })
    const found = probe(port, clock).catch((error: Error) => error.message)
    await connected.promise
    await onlyTimer(clock)
    await clock.advance(1500)
    await asked.promise
    await clock.advance(5000)

    expect(await found).toMatch(/does not tell which transport it speaks: set the option `transport`/)
    expect(clock.pending()).toEqual([])
  })

  test('a master that never answers the TLS handshake costs a bounded time', async () => {
    const clock = createFakeClock()
    const hello = Promise.withResolvers<void>()
    const ended = Promise.withResolvers<void>()
    const port = await listening((socket) => socket.once('data', () => hello.resolve()).once('close', () => ended.resolve()))
    const found = probeTls(port, clock, never)
    await onlyTimer(clock)
    await clock.advance(1500)
    await hello.promise
    await onlyTimer(clock)
    await clock.advance(5000)

    expect(await found).toMatch(/cannot be reached: no answer within 5000 ms/)
    await ended.promise
    expect(clock.pending()).toEqual([])
  })

  test('asking can be given up during the TLS handshake, too', async () => {
    const abort = new AbortController()
    const ended = Promise.withResolvers<void>()
    const port = await listening((socket) => socket.once('data', () => abort.abort()).once('close', () => ended.resolve()))

    expect(await probeTls(port, systemClock, abort.signal)).toMatch(/given up/)
    await ended.promise
  })

  test('asking can be given up', async () => {
    const abort = new AbortController()
    const connected = Promise.withResolvers<void>()
    const found = probe(await listening(() => connected.resolve()), systemClock, abort.signal).catch((error: { code: string }) => error.code)
    await connected.promise
    abort.abort()

    expect(await found).toBe('ABORTED')
  })
})

describe('transport: detect', () => {
  async function ask(socket: RequestSocket): Promise<string> {
    return Buffer.from(await socket.request(encode('hello'), 5000)).toString('latin1', 1)
  }

  async function opened(transport: Transport): Promise<RequestSocket> {
    const socket = await transport.openRequests(never)
    releases.push(() => socket.close())
    return socket
  }

  test.each(['ws', 'tcp'] as const)('speaks %s where the master does', async (kind) => {
    const port = kind === 'ws' ? await websockets() : (await framed()).port
    const transport = createTransport(settings(port), { clock: systemClock, log: silentLogger })
    const before = transport.maxRequestBytes
    const socket = await opened(transport)
    const publications = await transport.openPublications(port, () => {}, never, encode(null))
    publications.close()

    expect(await ask(socket)).toBe('hello')
    expect([before, transport.maxRequestBytes]).toEqual([4_194_303, kind === 'ws' ? 4_194_303 : 104_857_536])
  })

  test('asks until a reply has come, then no more, and again after a socket that brought none', async () => {
    const server = await framed()
    const made: TransportKind[] = []
    const make = (kind: TransportKind): Transport => {
      made.push(kind)
      return createTransport({ ...settings(server.port), transport: kind }, { clock: systemClock, log: silentLogger })
    }
    const transport = createDetectingTransport(settings(server.port), { clock: systemClock, log: silentLogger }, make)
    let connections = 0
    server.onConnection = () => {
      connections += 1
    }
    const connectionsOf = async (): Promise<[RequestSocket, number]> => {
      const before = connections
      return [await opened(transport), connections - before]
    }

    const [first, probed] = await connectionsOf()
    expect(probed).toBe(2)
    await ask(first)
    const [second, direct] = await connectionsOf()
    expect(direct).toBe(1)
    second.close()
    await new Promise<void>((resolve) => {
      second.onClose(() => resolve())
    })
    expect((await connectionsOf())[1]).toBe(2)
    expect(made).toEqual(['tcp'])
  })

  test('finds the new transport of a master that was set up anew', async () => {
    const old = await startFramedServer()
    old.onFrame = ({ mid, body }, peer) => peer.write(frameOf(body, mid))
    const transport = createTransport(settings(old.port), { clock: systemClock, log: silentLogger })
    expect(await ask(await opened(transport))).toBe('hello')
    await old.close()
    await expect(transport.openRequests(never)).rejects.toMatchObject({ code: 'UNREACHABLE' })
    const anew = new WebSocketServer({ port: old.port, host: '127.0.0.1' })
    anew.on('connection', (socket) => socket.on('message', (data: Buffer) => socket.send(data)))
    await once(anew, 'listening')
    releases.push(() => {
      for (const client of anew.clients) client.terminate()
      anew.close()
    })

    expect(await ask(await opened(transport))).toBe('hello')
  })

  test('knows no publish socket before it knows the transport', async () => {
    const transport = createTransport(settings(1), { clock: systemClock, log: silentLogger })

    await expect(transport.openPublications(1, () => {}, never, encode(null))).rejects.toMatchObject({ code: 'CLOSED' })
  })

  test('an address of another transport than the option is refused', () => {
    expect(() => createTransport({ ...settings(1), master: 'wss://salt', transport: 'tcp' }, { clock: systemClock, log: silentLogger })).toThrow(
      'wss://salt is an address of ws, but transport is tcp',
    )
  })
})
