import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { systemClock, type Clock } from '../../../agent/clock.ts'
import { frameOf } from '../../../agent/transport/frames.ts'
import type { Socket, Transport } from '../../../agent/transport/port.ts'
import { createTcpTransport } from '../../../agent/transport/tcp.ts'
import { encode } from '../../../agent/wire/msgpack.ts'
import { createFakeClock } from '../../helpers/fake-clock.ts'
import { type FramedServer, startFramedServer } from '../../helpers/framed-server.ts'
import { until } from '../../helpers/until.ts'

let server: FramedServer
const sockets: Socket[] = []
const never = new AbortController().signal

beforeEach(async () => {
  server = await startFramedServer()
})
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.close()
  await server.close()
})

const transport = (extra: object = {}, clock: Clock = systemClock): Transport =>
  createTcpTransport({ master: `127.0.0.1:${server.port}`, connectTimeoutMs: 5000, ...extra }, clock)

async function requests(extra?: object, clock?: Clock) {
  const socket = await transport(extra, clock).openRequests(never)
  sockets.push(socket)
  return socket
}

const value = (text: string): Buffer => encode(text)
/** The reply's bytes, or the code of the error. */
const outcome = (promise: Promise<Uint8Array>): Promise<string> =>
  promise.then((reply) => Buffer.from(reply).toString('latin1'), (error: { code: string }) => error.code)
const closed = (socket: Socket): Promise<{ code: string; message: string }> => new Promise((resolve) => {
  socket.onClose(resolve)
})
const came = (count: number) => until(() => server.frames.length === count, `${count} frames came`)

describe('a request socket', () => {
  test('joins replies to requests by their ids, in any order', async () => {
    const socket = await requests()
    const replies = ['a', 'b', 'c'].map((text) => outcome(socket.request(value(text), 5000)))
    await came(3)
    const [peer] = server.sockets
    for (const { mid, body } of server.frames.toReversed()) peer?.write(frameOf(body, mid))

    expect(await Promise.all(replies)).toEqual(['a', 'b', 'c'].map((text) => value(text).toString('latin1')))
    expect(new Set(server.frames.map(({ mid }) => mid)).size).toBe(3)
  })

  test('leaves the others alone when one gets no reply in time; its late one is for nobody', async () => {
    const clock = createFakeClock()
    const socket = await requests({}, clock)
    const slow = outcome(socket.request(value('slow'), 50))
    const other = outcome(socket.request(value('other'), 5000))
    await came(2)
    const [peer] = server.sockets
    await clock.advance(10)
    // A sign of life, not an answer to either.
    peer?.write(frameOf(value('x'), 'of-nobody'))
    const third = outcome(socket.request(value('third'), 5000))
    await came(3)
    peer?.write(frameOf(value('3'), server.frames[2]?.mid))
    expect(await third).toBe(value('3').toString('latin1'))
    await clock.advance(40)
    expect(await slow).toBe('TIMEOUT')
    peer?.write(frameOf(value('late'), server.frames[0]?.mid))
    peer?.write(frameOf(value('good'), server.frames[1]?.mid))

    expect(await other).toBe(value('good').toString('latin1'))
    expect(clock.pending()).toEqual([])
  })

  test('ends when a request gets no reply and not a byte came since: the socket is dead', async () => {
    const clock = createFakeClock()
    const socket = await requests({}, clock)
    await clock.advance(1)
    const both = [outcome(socket.request(value('a'), 50)), outcome(socket.request(value('b'), 5000))]
    await clock.advance(50)

    expect(await Promise.all(both)).toEqual(['TIMEOUT', 'CLOSED'])
    expect((await closed(socket)).code).toBe('CLOSED')
    expect(await outcome(socket.request(value('c'), 50))).toBe('CLOSED')
    expect(clock.pending()).toEqual([])
  })

  test('a request that was given up is forgotten, its reply too', async () => {
    const socket = await requests()
    const abort = new AbortController()
    const first = outcome(socket.request(value('a'), 5000, abort.signal))
    await came(1)
    abort.abort()
    expect(await first).toBe('ABORTED')
    server.onFrame = ({ mid, body }, peer) => {
      peer.write(frameOf(value('late'), server.frames[0]?.mid))
      peer.write(frameOf(body, mid))
    }
    expect(await outcome(socket.request(value('b'), 5000))).toBe(value('b').toString('latin1'))
    expect(await outcome(socket.request(value('b'), 5000, AbortSignal.abort()))).toBe('ABORTED')
  })

  test.each<[string, Buffer]>([
    ['another protocol', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['a frame without a body', encode({ head: {}, tail: 1 })],
    ['a frame that is too large', frameOf(encode('x'.repeat(2000)))],
  ])('ends on %s, with the reason', async (_what, bytes) => {
    server.onFrame = (_frame, peer) => peer.write(bytes)
    const socket = await requests({ maxMessageBytes: 1000 })

    expect(await outcome(socket.request(value('a'), 5000))).toBe('CLOSED')
    expect((await closed(socket)).message).toMatch(/no frame|without head or body|larger than/)
  })

  test('carries many MiB both ways, and refuses what the master would not hold', async () => {
    server.onFrame = ({ mid, body }, peer) => peer.write(frameOf(body, mid))
    const socket = await requests()
    const large = encode(Buffer.alloc(24 * 1024 * 1024, 7), { bin: true })

    expect(Buffer.from(await socket.request(large, 30_000)).equals(large)).toBe(true)
    expect(await outcome(socket.request(Buffer.alloc(transport().maxRequestBytes + 1), 1000))).toBe('TOO_LARGE')
    expect(server.frames).toHaveLength(1)
  })

  test('a master that hangs up ends all that wait, and late listeners are told', async () => {
    const socket = await requests()
    const waiting = outcome(socket.request(value('a'), 5000))
    await came(1)
    for (const peer of server.sockets) peer.end()

    expect(await waiting).toBe('CLOSED')
    expect(await closed(socket)).toMatchObject({ code: 'CLOSED', message: expect.stringContaining('by the master') as string })
    expect((await closed(socket)).code).toBe('CLOSED')
  })
})

describe('a publish socket', () => {
  test('says who we are first, then gives every message', async () => {
    const messages: string[] = []
    const hello = encode({ enc: 'aes', load: Buffer.from('me'), version: 3 })
    server.onFrame = (_frame, peer) => {
      peer.write(frameOf(encode(Buffer.from('one'), { bin: true })))
      peer.write(frameOf(encode(Buffer.from('two'), { bin: true })))
    }
    sockets.push(await transport().openPublications(server.port, (message) => messages.push(Buffer.from(message).toString('latin1', 2)), never, hello))
    await until(() => messages.length === 2, 'both came')

    expect(messages).toEqual(['one', 'two'])
    expect(server.frames).toEqual([{ mid: undefined, body: Buffer.from(hello) }])
  })

  test('ends on garbage', async () => {
    const socket = await transport().openPublications(server.port, () => {}, never, encode(null))
    sockets.push(socket)
    await until(() => server.sockets.size === 1, 'it is connected')
    for (const peer of server.sockets) peer.write('garbage')

    expect((await closed(socket)).code).toBe('CLOSED')
  })
})

describe('connecting', () => {
  test('to where nobody listens is UNREACHABLE, with the reason', async () => {
    const free = createServer().listen(0, '127.0.0.1')
    await once(free, 'listening')
    const { port } = free.address() as AddressInfo
    free.close()
    await once(free, 'close')

    await expect(transport({ master: `127.0.0.1:${port}` }).openRequests(never)).rejects.toMatchObject({
      code: 'UNREACHABLE', message: `127.0.0.1:${port} cannot be reached: the connection is refused (ECONNREFUSED)`,
    })
  })

  test('that was given up opens nothing', async () => {
    await expect(transport().openRequests(AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' })
    expect(server.sockets.size).toBe(0)
  })

  test('with a TLS handshake that never comes ends in time, or when it is given up', async () => {
    const clock = createFakeClock()
    const abort = new AbortController()
    const connected: unknown[] = []
    const mute = createServer((peer) => connected.push(peer.on('error', () => {}).resume())).listen(0, '127.0.0.1')
    onTestFinished(() => void mute.close())
    await once(mute, 'listening')
    const silent = { master: `tls://127.0.0.1:${(mute.address() as AddressInfo).port}` }
    const late = transport(silent, clock).openRequests(never).catch((error: { code: string }) => error.code)
    const given = transport(silent, clock).openRequests(abort.signal).catch((error: { code: string }) => error.code)
    await until(() => connected.length === 2, 'both are connected')
    abort.abort()
    expect(await given).toBe('ABORTED')
    await clock.advance(5000)
    expect(await late).toBe('UNREACHABLE')
    expect(clock.pending()).toEqual([])
  })
})
