import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { makePublishServer, makeRequestServer, maxRequestBytes, type PublishServer, type RequestHandler, type RequestServer } from '../../../master/server/ws.ts'
import { openConnection } from '../scripted-minion.ts'
import { recordingLog } from '../test-master.ts'

const cleanups: (() => unknown)[] = []
const logged: { level: string; message: string; fields: object }[] = []
const log = recordingLog(logged)

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
  logged.length = 0
})

async function publishServer(more = {}): Promise<{ server: PublishServer; port: number }> {
  const server = makePublishServer({ host: '127.0.0.1', port: 0, maxClients: 100, maxBacklogBytes: 1024 * 1024, ...more }, log)
  cleanups.push(() => server.close())
  return { server, port: await server.listen() }
}

async function requestServer(handler: RequestHandler, more = {}): Promise<{ server: RequestServer; port: number }> {
  const server = makeRequestServer({ host: '127.0.0.1', port: 0, maxClients: 100, maxPartialBytes: 64 * 1024 * 1024, ...more }, handler, log)
  cleanups.push(() => server.close())
  return { server, port: await server.listen() }
}

async function connection(port: number) {
  const opened = await openConnection(port)
  cleanups.push(() => opened.close())
  return opened
}

/** A WebSocket by hand: upgraded, then left to the test, which may stop reading or write anything. */
async function rawConnection(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  cleanups.push(() => socket.destroy())
  await once(socket, 'connect')
  socket.write('GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n')
  await once(socket, 'data')
  return socket
}

/** Resolves when a socket is closed, however. */
function closed(socket: Socket): Promise<void> {
  return new Promise((done) => void socket.on('close', () => done()))
}

/** A process that asks for an upgrade and resets the connection while the server reads the pipe. Arguments: the port, the pipe. */
const RESETTING = `
  const [, port, pipe] = process.argv
  const socket = require('node:net').connect(Number(port), '127.0.0.1')
  socket.on('error', () => {})
  socket.write('GET / HTTP/1.1\\r\\nHost: x\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\nSec-WebSocket-Version: 13\\r\\n\\r\\n', () => {
    const open = require('node:fs').openSync(pipe, 'w')
    socket.on('close', () => require('node:fs').closeSync(open))
    socket.resetAndDestroy()
  })
`

const echo: RequestHandler = async (request) => request

describe('the publish server', () => {
  test('hands every reader every frame, in order', async () => {
    const { server, port } = await publishServer()
    const readers = [await connection(port), await connection(port)]

    for (const text of ['one', 'two', 'three']) server.broadcast(Buffer.from(text))

    for (const reader of readers) {
      for (const text of ['one', 'two', 'three']) expect(String(await reader.next())).toBe(text)
    }
  })

  test('cuts off a reader that stopped reading, and lets the others never wait', async () => {
    const { server, port } = await publishServer()
    const stalled = await rawConnection(port)
    stalled.pause()
    const reader = await connection(port)
    const frame = Buffer.alloc(256 * 1024, 'x')

    let frames = 0
    while (server.clients() === 2 && frames < 400) {
      server.broadcast(frame)
      frames += 1
      expect((await reader.next())?.length).toBe(frame.length)
    }

    expect(server.clients()).toBe(1)
    expect(frames).toBeLessThan(400)
    expect(logged.map(({ message }) => message)).toContain('a publication reader does not read and is cut off')
    server.broadcast(Buffer.from('still here'))
    expect(String(await reader.next())).toBe('still here')
  })

  test('sends one frame over the limit to a reader that has nothing waiting', async () => {
    const { server, port } = await publishServer({ maxBacklogBytes: 1000 })
    const reader = await connection(port)

    server.broadcast(Buffer.alloc(100_000))

    expect((await reader.next())?.length).toBe(100_000)
  })

  test('refuses more readers than it may have', async () => {
    const { port } = await publishServer({ maxClients: 1 })
    await connection(port)

    await expect(openConnection(port)).rejects.toThrow('the connection failed')
    expect(logged.at(-1)?.message).toBe('too many connections, one is refused')
  })

  test('outlives who resets the connection in the moment that it is refused', async () => {
    const pipe = join(mkdtempSync(join(tmpdir(), 'bw-')), 'pipe')
    cleanups.push(() => rmSync(dirname(pipe), { recursive: true }))
    execFileSync('mkfifo', [pipe])
    // Its log line comes before the refusal is written: reading the pipe there waits until the other end is gone.
    const server = makePublishServer({ host: '127.0.0.1', port: 0, maxClients: 1, maxBacklogBytes: 1024 }, { ...log, warn: () => void readFileSync(pipe) })
    cleanups.push(() => server.close())
    const port = await server.listen()
    const reader = await connection(port)
    const uncaught: unknown[] = []
    const onUncaught = (error: unknown) => void uncaught.push(error)
    process.on('uncaughtException', onUncaught)
    cleanups.push(() => process.off('uncaughtException', onUncaught))

    const client = spawn(process.execPath, ['-e', RESETTING, String(port), pipe], { stdio: ['ignore', 'inherit', 'inherit'] })
    await once(client, 'exit')
    server.broadcast(Buffer.from('still here'))

    expect(String(await reader.next())).toBe('still here')
    expect(uncaught).toEqual([])
  })

  test('ignores what readers say', async () => {
    const { server, port } = await publishServer()
    const reader = await connection(port)
    reader.socket.send('hello')
    reader.socket.send(new Uint8Array(1000))
    server.broadcast(Buffer.from('x'))

    expect(String(await reader.next())).toBe('x')
  })

  test('negotiates no compression', async () => {
    const { port } = await publishServer()
    const reader = await connection(port)

    expect(reader.socket.extensions).toBe('')
  })
})

describe('the request server', () => {
  test('answers pipelined requests strictly in order, one at a time', async () => {
    let running = 0
    const { port } = await requestServer(async (request) => {
      running += 1
      expect(running).toBe(1)
      await new Promise((done) => setImmediate(done))
      running -= 1
      return request
    })
    const client = await connection(port)

    for (let index = 0; index < 50; index += 1) client.socket.send(Buffer.from(String(index)))

    for (let index = 0; index < 50; index += 1) expect(String(await client.next())).toBe(String(index))
  })

  test('takes a request of just under 4 MiB and closes on a longer one', async () => {
    const { port } = await requestServer(async (request) => Buffer.from(String(request.length)))
    const client = await connection(port)
    expect(String(await client.send(Buffer.alloc(maxRequestBytes)))).toBe(String(maxRequestBytes))

    expect(await client.send(Buffer.alloc(maxRequestBytes + 1))).toBeNull()

    expect(logged.at(-1)).toMatchObject({ level: 'warn', message: 'a request could not be read' })
  })

  test('closes on a frame that only claims to be huge, without waiting for it', async () => {
    const { port } = await requestServer(echo)
    const socket = await rawConnection(port)

    socket.write(Buffer.from([0x82, 0xff, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4]))

    await closed(socket)
    expect(logged.some(({ message }) => message === 'a request could not be read')).toBe(true)
  })

  test('bounds what all unfinished requests hold together', async () => {
    const { port } = await requestServer(echo, { maxPartialBytes: 3 * 1024 * 1024 })
    const header = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0])
    const half = Buffer.concat([header, Buffer.alloc(1024 * 1024 + 512 * 1024)])
    const sockets = [await rawConnection(port), await rawConnection(port), await rawConnection(port)]

    const cutOff = Promise.race(sockets.map(closed))
    for (const socket of sockets) socket.write(half)

    await cutOff
    expect(logged.some(({ message }) => message === 'too many unfinished requests, a connection is cut off')).toBe(true)
  })

  test('closes when the handler says so, fails, or the client sends the text "close"', async () => {
    const { port } = await requestServer(async (request) => {
      if (String(request) === 'fail') throw new Error('no')
      return null
    })

    expect(await (await connection(port)).send(Buffer.from('x'))).toBeNull()
    expect(await (await connection(port)).send(Buffer.from('fail'))).toBeNull()
    const polite = await connection(port)
    polite.socket.send('anything')
    polite.socket.send('close')
    expect(await polite.next()).toBeNull()
  })

  test('at its limit lets an idle stranger go, never one that proved itself', async () => {
    const { server, port } = await requestServer(async (request, from) => {
      from.minionId = String(request)
      return request
    }, { maxClients: 2 })
    const known = await connection(port)
    await known.send(Buffer.from('web1'))
    const stranger = await connection(port)

    const next = await connection(port)
    await next.send(Buffer.from('web2'))

    expect(await stranger.next()).toBeNull()
    expect(server.connectedMinions()).toEqual(new Set(['web1', 'web2']))
    await expect(openConnection(port)).rejects.toThrow('the connection failed')
  })

  test('closes connections that speak no WebSocket', async () => {
    const { port } = await requestServer(echo)
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write('\x00\x01 garbage \xff\r\n\r\n')

    await closed(socket)
    expect(String(await (await connection(port)).send(Buffer.from('fine')))).toBe('fine')
  })
})
