import { once } from 'node:events'
import { createServer, Socket as TcpSocket } from 'node:net'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import { createFakeClock } from '../../helpers/fake-clock.ts'
import { until } from '../../helpers/until.ts'
import { systemClock } from '../../../agent/clock.ts'
import { createWsTransport } from '../../../agent/transport/ws.ts'
import type { AddressInfo, Server } from 'node:net'
import type { WebSocket } from 'ws'
import type { Clock } from '../../../agent/clock.ts'
import type { Socket, Transport } from '../../../agent/transport/port.ts'

let server: WebSocketServer
let port = 0
let paths: string[] = []
let extensions: string[] = []
let onMessage: (socket: WebSocket, data: Buffer) => void = (socket, data) => socket.send(data)
const sockets: Socket[] = []
const never = new AbortController().signal

beforeEach(async () => {
  onMessage = (socket, data) => socket.send(data)
  paths = []
  extensions = []
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', maxPayload: 4 * 1024 * 1024, perMessageDeflate: true })
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
  server.on('connection', (socket, request) => {
    paths.push(request.url ?? '')
    extensions.push(socket.extensions)
    socket.on('message', (data: Buffer) => onMessage(socket, data))
  })
})
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.close()
  for (const socket of server.clients) socket.terminate()
  await new Promise((resolve) => {
    server.close(resolve)
  })
})

const transport = (extra: object = {}, clock: Clock = systemClock): Transport =>
  createWsTransport({ master: `127.0.0.1:${port}`, connectTimeoutMs: 5000, ...extra }, clock)

async function requests(extra?: object, clock?: Clock) {
  const socket = await transport(extra, clock).openRequests(never)
  sockets.push(socket)
  return socket
}

const outcome = (promise: Promise<Uint8Array>): Promise<string> =>
  promise.then((reply) => Buffer.from(reply).toString(), (error: { code: string }) => error.code)
const closed = (socket: Socket): Promise<string> => new Promise((resolve) => {
  socket.onClose((error) => resolve(error.code))
})

describe('a request socket', () => {
  test('gives replies to requests in their order', async () => {
    const socket = await requests()
    const replies = await Promise.all(['a', 'b', 'c'].map((text) => outcome(socket.request(Buffer.from(text), 1000))))
    expect(replies).toEqual(['a', 'b', 'c'])
  })

  test.each([
    [{}, [true, 20_000, undefined, undefined]],
    [{ keepAlive: { idleMs: 5000, intervalMs: 2000, count: 3 } }, [true, 5000, 2000, 3]],
    [{ keepAlive: { idleMs: 0 } }, [false, 0, undefined, undefined]],
  ])('%j: TCP keepalive is %j', async (extra, expected) => {
    const setKeepAlive = vi.spyOn(TcpSocket.prototype, 'setKeepAlive')
    onTestFinished(() => setKeepAlive.mockRestore())

    await requests(extra)

    expect(setKeepAlive.mock.calls.at(-1)).toEqual(expected)
  })

  test('offers no compression', async () => {
    await requests()
    expect(extensions).toEqual([''])
  })

  test('ends with all its requests when one gets no reply in time', async () => {
    onMessage = () => {}
    const clock = createFakeClock()
    const socket = await requests({}, clock)
    const both = [outcome(socket.request(Buffer.from('a'), 50)), outcome(socket.request(Buffer.from('b'), 5000))]
    await clock.advance(50)
    expect(await Promise.all(both)).toEqual(['TIMEOUT', 'CLOSED'])
    expect(await closed(socket)).toBe('CLOSED')
    expect(await outcome(socket.request(Buffer.from('c'), 50))).toBe('CLOSED')
    expect(clock.pending()).toEqual([])
  })

  test('keeps the place of a request that was given up', async () => {
    const waiting: (() => void)[] = []
    onMessage = (from, data) => waiting.push(() => from.send(data))
    const socket = await requests()
    const abort = new AbortController()
    const first = outcome(socket.request(Buffer.from('a'), 1000, abort.signal))
    const second = outcome(socket.request(Buffer.from('b'), 1000))
    await until(() => waiting.length === 2, 'both came')
    abort.abort()
    expect(await first).toBe('ABORTED')
    for (const answer of waiting) answer()
    expect(await second).toBe('b')
  })

  test('ends when a reply comes that nobody waits for', async () => {
    onMessage = (from, data) => {
      from.send(data)
      from.send('more', { binary: true })
    }
    const socket = await requests()
    expect(await outcome(socket.request(Buffer.from('a'), 1000))).toBe('a')
    expect(await closed(socket)).toBe('CLOSED')
  })

  test('ignores text messages', async () => {
    onMessage = (from, data) => {
      from.send('text', { binary: false })
      from.send(data)
    }
    const socket = await requests()
    expect(await outcome(socket.request(Buffer.from('a'), 1000))).toBe('a')
  })

  test('takes just under 4 MiB, and refuses more without sending it', async () => {
    const sizes: number[] = []
    onMessage = (from, data) => {
      sizes.push(data.length)
      from.send('ok', { binary: true })
    }
    const { maxRequestBytes } = transport()
    const socket = await requests()
    expect(maxRequestBytes).toBe(4_194_303)
    expect(await outcome(socket.request(Buffer.alloc(maxRequestBytes + 1), 1000))).toBe('TOO_LARGE')
    expect(await outcome(socket.request(Buffer.alloc(maxRequestBytes), 5000))).toBe('ok')
    expect(sizes).toEqual([maxRequestBytes])
  })

  test('gets replies far larger than what may be sent', async () => {
    onMessage = (from) => from.send(Buffer.alloc(64 * 1024 * 1024))
    const socket = await requests()
    expect((await socket.request(Buffer.from('a'), 20_000)).length).toBe(64 * 1024 * 1024)
  })

  test('ends when a reply is larger than allowed', async () => {
    onMessage = (from) => from.send(Buffer.alloc(1001))
    const socket = await requests({ maxMessageBytes: 1000 })
    expect(await outcome(socket.request(Buffer.from('a'), 1000))).toBe('CLOSED')
  })

  test('tells late listeners too that it has ended', async () => {
    const socket = await requests()
    for (const client of server.clients) client.terminate()
    expect(await closed(socket)).toBe('CLOSED')
    expect(await closed(socket)).toBe('CLOSED')
  })
})

describe('a publish socket', () => {
  test('gives every message, also one that comes with the end of the handshake', async () => {
    server.on('connection', (socket) => socket.send('first', { binary: true }))
    const messages: string[] = []
    sockets.push(await transport().openPublications(port, (message) => messages.push(Buffer.from(message).toString()), never, Buffer.alloc(0)))
    for (const client of server.clients) client.send('second', { binary: true })
    await until(() => messages.length === 2, 'both came')
    expect(messages).toEqual(['first', 'second'])
    expect(paths).toEqual(['/ws'])
  })

  test('ends at once even if the other side never reads', async () => {
    const socket = await transport().openPublications(port, () => {}, never, Buffer.alloc(0))
    for (const client of server.clients) client.pause()
    socket.close()
    expect(await closed(socket)).toBe('CLOSED')
  })
})

describe('connecting', () => {
  test('to where nobody listens is UNREACHABLE, with the reason', async () => {
    const free = createServer().listen(0, '127.0.0.1')
    await once(free, 'listening')
    const freePort = (free.address() as AddressInfo).port
    free.close()
    await once(free, 'close')
    await expect(transport({ master: `127.0.0.1:${freePort}` }).openRequests(never)).rejects.toMatchObject({ code: 'UNREACHABLE', message: expect.stringContaining('ECONNREFUSED') as string })
  })

  describe('to a server that accepts', () => {
    let plain: Server
    let greeting = ''
    beforeEach(async () => {
      greeting = ''
      plain = createServer((socket) => {
        socket.on('error', () => {})
        if (greeting !== '') socket.end(greeting)
      }).listen(0, '127.0.0.1')
      await once(plain, 'listening')
    })
    afterEach(() => plain.close())
    const master = (): { master: string } => ({ master: `127.0.0.1:${(plain.address() as AddressInfo).port}` })

    test('and says nothing, ends after the time for it', async () => {
      const clock = createFakeClock()
      const opening = transport(master(), clock).openRequests(never).then(() => 'open', (error: { code: string }) => error.code)
      await once(plain, 'connection')
      await clock.advance(5000)
      expect(await opening).toBe('UNREACHABLE')
    })

    test('and says nothing, can be given up', async () => {
      const abort = new AbortController()
      const opening = transport(master()).openRequests(abort.signal).then(() => 'open', (error: { code: string }) => error.code)
      await once(plain, 'connection')
      abort.abort()
      expect(await opening).toBe('ABORTED')
    })

    test.each(['HTTP/1.1 404 Not Found\r\n\r\n', 'HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\n\r\n', 'garbage\r\n\r\n'])('and answers %j is UNREACHABLE', async (text) => {
      greeting = text
      await expect(transport(master()).openRequests(never)).rejects.toMatchObject({ code: 'UNREACHABLE' })
    })
  })

  test('after it was given up opens nothing', async () => {
    await expect(transport().openRequests(AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' })
    expect(paths).toEqual([])
  })
})
