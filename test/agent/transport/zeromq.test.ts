import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as zeromq from 'zeromq'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { createFakeClock } from '../../helpers/fake-clock.ts'
import { until } from '../../helpers/until.ts'
import { createZeromqPeer } from '../../helpers/zeromq-peer.ts'
import { packageRoot } from '../../../agent/entry-points.ts'
import { systemClock } from '../../../agent/clock.ts'
import { createZeromqTransport, loadZeromq, whyNoZeromq } from '../../../agent/transport/zeromq.ts'
import { tcpProxy } from '../../../returners/lib/tcp-proxy.ts'
import type { AddressInfo } from 'node:net'
import type { PeerRequest, ZeromqPeer } from '../../helpers/zeromq-peer.ts'
import type { Clock } from '../../../agent/clock.ts'
import type { RequestSocket, Socket } from '../../../agent/transport/port.ts'
import type { ZeromqSettings } from '../../../agent/transport/zeromq.ts'
import type { Lookup } from '../../../agent/transport/zeromq-socket.ts'

const never = new AbortController().signal
const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close()
})
function kept<One extends { close(): unknown }>(one: One): One {
  open.push(one)
  return one
}

const peer = async (options?: Parameters<typeof createZeromqPeer>[0]): Promise<ZeromqPeer> => kept(await createZeromqPeer(options))
const transport = (port: number, extra: Partial<ZeromqSettings> = {}, clock: Clock = systemClock, lookup?: Lookup) =>
  createZeromqTransport(zeromq, { master: `127.0.0.1:${port}`, minionId: 'web1', filtering: false, connectTimeoutMs: 5000, ...extra }, clock, lookup)
const requests = async (port: number, extra?: Partial<ZeromqSettings>, clock?: Clock): Promise<RequestSocket> =>
  kept(await transport(port, extra, clock).openRequests(never))

const ask = (socket: RequestSocket, text: string, timeoutMs = 5000, signal?: AbortSignal): Promise<string> =>
  socket.request(Buffer.from(text), timeoutMs, signal).then((reply) => Buffer.from(reply).toString(), (error: { code: string }) => error.code)
const closed = (socket: Socket): Promise<string> => new Promise((resolve) => {
  socket.onClose((error) => resolve(error.code))
})
const refusal = (promise: Promise<unknown>): Promise<string> => promise.then(() => 'opened', (error: { code: string; message: string }) => `${error.code}: ${error.message}`)
/** Listens and says nothing. */
async function silentPort(): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

describe('requests', () => {
  test('several at once are answered, each by its own answer, whatever the order', async () => {
    const master = await peer()
    const held: PeerRequest[] = []
    master.onRequest = (request) => held.push(request)
    const socket = await requests(master.requestPort)

    const replies = Promise.all(['a', 'b', 'c', 'd'].map((text) => ask(socket, text)))
    await until(() => held.length === 4, 'four came')
    for (const request of held.toReversed()) await request.answer(`to ${request.text}`)

    expect(await replies).toEqual(['to a', 'to b', 'to c', 'to d'])
    expect(new Set(held.map(({ from }) => from)).size).toBe(4)
  })

  test('more than four wait for a free socket, and none waits that could go', async () => {
    const master = await peer()
    const socket = await requests(master.requestPort)

    const replies = await Promise.all(Array.from({ length: 200 }, (_, at) => ask(socket, `${at}`)))

    expect(replies).toEqual(Array.from({ length: 200 }, (_, at) => `${at}`))
    expect(new Set(master.requests.map(({ from }) => from)).size).toBeLessThanOrEqual(4)
  })

  test('an additional socket is closed when it was idle for a while; the last one stays', async () => {
    const master = await peer()
    const clock = createFakeClock()
    const socket = await requests(master.requestPort, {}, clock)
    await Promise.all(['a', 'b', 'c', 'd'].map((text) => ask(socket, text)))
    const before = new Set(master.requests.map(({ from }) => from)).size

    await clock.advance(60_000)
    master.requests.length = 0
    const one = await ask(socket, 'e')

    expect(before).toBeGreaterThan(1)
    expect(one).toBe('e')
    expect(await Promise.all(['f', 'g'].map((text) => ask(socket, text)))).toEqual(['f', 'g'])
  })

  test('a lost answer costs its own request only, and the next one goes on a new socket', async () => {
    const master = await peer()
    const held: PeerRequest[] = []
    master.onRequest = (request) => held.push(request)
    const clock = createFakeClock()
    const socket = await requests(master.requestPort, {}, clock)
    const lost = ask(socket, 'lost', 1000)
    const slow = ask(socket, 'slow', 60_000)
    await until(() => held.length === 2, 'both came')

    await clock.advance(1000)
    expect(await lost).toBe('TIMEOUT')
    await held.find(({ text }) => text === 'slow')?.answer('in the end')
    expect(await slow).toBe('in the end')

    // The answer that came too late is for a socket that is gone: nobody takes it for its own.
    await held.find(({ text }) => text === 'lost')?.answer('too late')
    master.onRequest = (request) => request.answer(`to ${request.text}`)
    expect(await Promise.all([ask(socket, 'x'), ask(socket, 'y')])).toEqual(['to x', 'to y'])
    expect(master.requests.filter(({ text }) => text !== 'lost').map(({ from }) => from)).not.toContain(master.requests[0]?.from)
  })

  test('one whose time is over before it was sent is never sent', async () => {
    const master = await peer()
    const held: PeerRequest[] = []
    master.onRequest = (request) => held.push(request)
    const clock = createFakeClock()
    const socket = await requests(master.requestPort, {}, clock)
    const busy = ['a', 'b', 'c', 'd'].map((text) => ask(socket, text, 60_000))
    await until(() => held.length === 4, 'four came')
    const waits = ask(socket, 'late', 1000)

    await clock.advance(1000)
    for (const request of held.splice(0)) await request.answer(request.text)

    expect(await waits).toBe('TIMEOUT')
    expect(await Promise.all(busy)).toEqual(['a', 'b', 'c', 'd'])
    expect(master.requests.map(({ text }) => text)).not.toContain('late')
    expect(await Promise.all([ask(socket, 'after'), (async () => (await until(() => held[0], 'it came')).answer('fine'))()])).toEqual(['fine', undefined])
  })

  test('one that is given up rejects at once; its answer is not taken for another one\'s', async () => {
    const master = await peer()
    const held: PeerRequest[] = []
    master.onRequest = (request) => held.push(request)
    const socket = await requests(master.requestPort)
    const abort = new AbortController()
    const first = ask(socket, 'a', 5000, abort.signal)
    await until(() => held.length === 1, 'it came')
    const second = ask(socket, 'b')

    abort.abort()
    expect(await first).toBe('ABORTED')
    await until(() => held.length === 2, 'the other came')
    for (const request of held) await request.answer(`to ${request.text}`)
    expect(await second).toBe('to b')
    expect(await ask(socket, 'c', 5000, AbortSignal.abort())).toBe('ABORTED')
  })

  test('a master that goes away ends the socket at once, with all that was under way or waiting', async () => {
    const master = await peer()
    const held: PeerRequest[] = []
    master.onRequest = (request) => held.push(request)
    const socket = await requests(master.requestPort)
    const all = ['a', 'b', 'c', 'd', 'e', 'f'].map((text) => ask(socket, text, 600_000))
    await until(() => held.length === 4, 'four came')

    master.close()

    expect(await closed(socket)).toBe('CLOSED')
    expect(await Promise.all(all)).toEqual(Array.from({ length: 6 }, () => 'CLOSED'))
    expect(await ask(socket, 'g')).toBe('CLOSED')
  })

  test('a connection that is half open is found by its silence', async () => {
    const master = await peer()
    const gate = kept(await tcpProxy({ host: '127.0.0.1', port: master.requestPort }))
    const socket = await requests(gate.port, { heartbeatMs: 100 })
    expect(await ask(socket, 'a')).toBe('a')

    gate.stall()

    expect(await closed(socket)).toBe('CLOSED')
  })

  test('an answer that is larger than we take ends the socket', async () => {
    const master = await peer()
    master.onRequest = (request) => request.answer(Buffer.alloc(Number(request.text)))
    const socket = await requests(master.requestPort, { maxMessageBytes: 10_000 })

    expect((await ask(socket, '10000')).length).toBe(10_000)
    expect(await ask(socket, '10001')).toBe('CLOSED')
    expect(await closed(socket)).toBe('CLOSED')
  })

  test('large ones go there and back whole', async () => {
    const master = await peer()
    const socket = await requests(master.requestPort)
    const bytes = Buffer.alloc(20 * 1024 * 1024, 'x')

    expect(Buffer.from(await socket.request(bytes, 30_000)).equals(bytes)).toBe(true)
  })

  test('closing ends everything at once and leaves no timer', async () => {
    const master = await peer()
    master.onRequest = () => {}
    const clock = createFakeClock()
    const socket = await requests(master.requestPort, {}, clock)
    const all = Promise.all(['a', 'b', 'c', 'd', 'e'].map((text) => ask(socket, text)))
    await until(() => master.requests.length === 4, 'four came')

    socket.close()

    expect(await all).toEqual(Array.from({ length: 5 }, () => 'CLOSED'))
    expect(clock.pending()).toEqual([])
  })
})

describe('a connect', () => {
  test('to a master that is not there is refused, and to the same address succeeds when it is', async () => {
    const gone = await createZeromqPeer()
    const { requestPort, publishPort } = gone
    gone.close()
    await until(() => refusal(transport(requestPort).openRequests(never)).then((text) => text.startsWith('UNREACHABLE')), 'the port is free')

    expect(await refusal(transport(requestPort).openRequests(never))).toBe(`UNREACHABLE: 127.0.0.1:${requestPort} cannot be reached: the connection is refused`)
    expect(await refusal(transport(1).openPublications(publishPort, () => {}, never, Buffer.alloc(0)))).toContain('UNREACHABLE')
    await peer({ requestPort, publishPort })
    expect(await ask(await requests(requestPort), 'there')).toBe('there')
  })

  test('looks the name up every time, and tries all of its addresses', async () => {
    const first = await peer({ host: '127.0.0.2' })
    const second = await peer({ host: '127.0.0.3', requestPort: first.requestPort })
    let addresses = ['127.0.0.2']
    const names: string[] = []
    const lookup: Lookup = (host) => {
      names.push(host)
      return Promise.resolve(addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })))
    }
    const named = transport(first.requestPort, { master: `salt:${first.requestPort}` }, systemClock, lookup)

    const before = kept(await named.openRequests(never))
    expect(await ask(before, 'old')).toBe('old')
    addresses = ['127.0.0.9', '::1', '127.0.0.3']
    expect(await ask(kept(await named.openRequests(never)), 'new')).toBe('new')

    expect(names).toEqual(['salt', 'salt'])
    expect(first.requests.map(({ text }) => text)).toEqual(['old'])
    expect(second.requests.map(({ text }) => text)).toEqual(['new'])
    expect(await refusal(transport(1, { master: 'salt', ipv6: false }, systemClock, async () => [{ address: '::1', family: 6 }]).openRequests(never)))
      .toBe('UNREACHABLE: salt:4506 cannot be reached: it has no IPv4 address, and ipv6 is false')
  })

  test('by IPv6 works', async () => {
    const master = await peer({ host: '[::1]' })
    expect(await ask(await requests(0, { master: `[::1]:${master.requestPort}` }), 'six')).toBe('six')
  })

  test('to what is no ZeroMQ is given up in time, and at once when it is told to', async () => {
    const port = await silentPort()
    const clock = createFakeClock()
    const late = refusal(transport(port, {}, clock).openRequests(never))
    await until(() => clock.pending().length > 0, 'it tries')
    await clock.advance(5000)
    expect(await late).toBe(`UNREACHABLE: 127.0.0.1:${port} cannot be reached: no answer within 5000 ms`)

    const abort = new AbortController()
    const aborted = refusal(transport(port, {}, clock).openPublications(port, () => {}, abort.signal, Buffer.alloc(0)))
    await until(() => clock.pending().length > 0, 'it tries')
    abort.abort()
    expect(await aborted).toContain('ABORTED')
    expect(await refusal(transport(port).openRequests(AbortSignal.abort()))).toContain('ABORTED')
    expect(clock.pending()).toEqual([])
  })

  test('whose name is never answered is given up in time', async () => {
    const clock = createFakeClock()
    const late = refusal(transport(1, { master: 'salt' }, clock, () => new Promise(() => {})).openRequests(never))
    await until(() => clock.pending().length > 0, 'it asks')
    await clock.advance(5000)
    expect(await late).toContain('its name was not found within 5000 ms')
  })
})

describe('publications', () => {
  const sha1 = createHash('sha1').update('web1').digest('hex')
  const map = Buffer.from([0x82, 0xa3, 1, 2, 3])

  async function subscribed(master: ZeromqPeer, extra: Partial<ZeromqSettings>, port = master.publishPort) {
    const got: Buffer[] = []
    const socket = kept(await transport(1, extra).openPublications(port, (message) => got.push(Buffer.from(message)), never, Buffer.alloc(0)))
    return { got, socket }
  }

  test.each([
    { filtering: false, master: 'that does not filter' },
    { filtering: true, master: 'that does not filter' },
    { filtering: false, master: 'that filters' },
    { filtering: true, master: 'that filters' },
  ])('filtering $filtering hears a master $master', async ({ filtering, master: kind }) => {
    const master = await peer()
    const { got } = await subscribed(master, { filtering })
    await until(() => master.subscriptions.length === (filtering ? 20 : 1), 'it has subscribed')

    if (kind === 'that does not filter') {
      for (const text of ['1', '2']) await master.publish(Buffer.concat([map, Buffer.from(text)]))
    } else {
      await master.publish(createHash('sha1').update('web2').digest('hex'), 'for another')
      await master.publish('syndic', 'for a syndic')
      await master.publish('broadcast', Buffer.concat([map, Buffer.from('1')]))
      await master.publish(sha1, 'too', 'many')
      await master.publish(sha1, Buffer.concat([map, Buffer.from('2')]))
    }

    await until(() => got.length >= 2, 'both came')
    expect(got.map((message) => message.subarray(5).toString())).toEqual(['1', '2'])
  })

  test('with filtering a master sends nothing that is for others', async () => {
    const master = await peer()
    await subscribed(master, { filtering: true })
    await until(() => master.subscriptions.length === 20, 'it has subscribed')
    expect(master.subscriptions.slice(0, 2).map(String)).toEqual(['\u0001broadcast', `\u0001${sha1}`])
  })

  test('a burst arrives whole and in order', async () => {
    const master = await peer()
    const { got } = await subscribed(master, {})
    await until(() => master.subscriptions.length === 1, 'it has subscribed')

    for (let at = 0; at < 900; at += 1) await master.publish(`${at}`)

    await until(() => got.length === 900, 'all came')
    expect(got.map(String)).toEqual(Array.from({ length: 900 }, (_, at) => `${at}`))
  })

  test('a master that goes away is noticed at once, one that falls silent by its heartbeats', async () => {
    const master = await peer()
    const gate = kept(await tcpProxy({ host: '127.0.0.1', port: master.publishPort }))
    const gone = await subscribed(master, {})
    const silent = await subscribed(master, { heartbeatMs: 100 }, gate.port)

    gate.stall()
    expect(await closed(silent.socket)).toBe('CLOSED')
    master.close()
    expect(await closed(gone.socket)).toBe('CLOSED')
  })

  test('one that is larger than we take ends the socket', async () => {
    const master = await peer()
    const { socket } = await subscribed(master, { maxMessageBytes: 1000 })
    await until(() => master.subscriptions.length === 1, 'it has subscribed')
    await master.publish(Buffer.alloc(1001))
    expect(await closed(socket)).toBe('CLOSED')
  })
})

describe('the package', () => {
  test('is looked for without being loaded', () => {
    expect(whyNoZeromq()).toBeUndefined()
    expect(whyNoZeromq(() => {
      throw new Error('not found')
    })).toContain('needs the package "zeromq", which is not installed: npm install')
  })

  test('that is missing is asked for with the command that brings it', async () => {
    const missing = Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
    await expect(loadZeromq(() => Promise.reject(missing))).rejects.toThrow(`transport: zeromq needs the package "zeromq", which is not installed: npm install --prefix ${packageRoot} --no-save`)
    await expect(loadZeromq(() => Promise.reject(new Error('no native build found')))).rejects.toThrow('which cannot be loaded (no native build found)')
  })
})

describe('a process', () => {
  test.each(['close', 'exit'])('loads the package with the first socket, and ends at once (%s) whatever was not sent', async (end) => {
    const master = await peer()
    master.onRequest = () => {}
    const script = join(packageRoot, 'test/fixtures/zeromq/process.ts')

    const { stdout } = await promisify(execFile)(process.execPath, [script, String(master.requestPort), String(master.publishPort), end], { timeout: 20_000 })

    expect(stdout).toBe(`ws and tcp: not loaded\nmade: not loaded\nopened: loaded\n${end === 'close' ? 'closed\n' : ''}`)
  })

  test.each(['7', '2'])('whose file descriptors run out (%s are left) goes on, and closes its sockets when there are some again', async (spare) => {
    const master = await peer()
    const script = join(packageRoot, 'test/fixtures/zeromq/descriptors.ts')
    const command = `ulimit -n 100; exec ${process.execPath} --expose-gc ${script} ${master.requestPort} ${spare}`

    const { stdout } = await promisify(execFile)('bash', ['-c', command], { timeout: 20_000 })

    expect(JSON.parse(stdout)).toEqual({ opened: 11, leaked: 0 })
  })
})
