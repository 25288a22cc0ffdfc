import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { WebSocketServer } from 'ws'
import * as zeromq from 'zeromq'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../../agent/clock.ts'
import { probeTransport } from '../../../agent/transport/probe.ts'
import { sourceAddress } from '../../../agent/transport/source.ts'
import { createTcpTransport } from '../../../agent/transport/tcp.ts'
import { createWsTransport } from '../../../agent/transport/ws.ts'
import { createZeromqTransport } from '../../../agent/transport/zeromq.ts'
import type { SourceSettings } from '../../../agent/transport/source.ts'

// A name with an address of each family, in the order that is asked for.
vi.mock('node:dns', () => ({
  lookup: (_host: string, { order }: { order?: string }, found: (error: null, addresses: { address: string; family: number }[]) => void) => {
    const addresses = [{ address: '127.0.0.1', family: 4 }, { address: '::1', family: 6 }]
    found(null, order === 'ipv6first' ? addresses.toReversed() : addresses)
  },
}))

const never = new AbortController().signal
const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function listen(server: Server, onConnection: (address: string | undefined) => void): Promise<number> {
  server.on('connection', (socket) => onConnection(socket.remoteAddress))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  ends.push(() => server.close())
  return (server.address() as AddressInfo).port
}

/** Opens a request socket of each transport to a listener; what each of them saw the connection come from. */
const seenBy: Record<string, (settings: object) => Promise<string | undefined>> = {
  tcp: async (settings) => {
    const seen = Promise.withResolvers<string | undefined>()
    const master = `127.0.0.1:${await listen(createServer(), seen.resolve)}`
    const socket = await createTcpTransport({ master, connectTimeoutMs: 5000, ...settings }, systemClock).openRequests(never)
    ends.push(() => socket.close())
    return seen.promise
  },
  ws: async (settings) => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    await once(server, 'listening')
    ends.push(() => server.close())
    const seen = Promise.withResolvers<string | undefined>()
    server.on('connection', (_socket, { socket }) => seen.resolve(socket.remoteAddress))
    const master = `127.0.0.1:${(server.address() as AddressInfo).port}`
    const socket = await createWsTransport({ master, connectTimeoutMs: 5000, ...settings }, systemClock).openRequests(never)
    ends.push(() => socket.close())
    return seen.promise
  },
  zeromq: async (settings) => {
    const seen = Promise.withResolvers<string | undefined>()
    const master = `127.0.0.1:${await listen(createServer(), seen.resolve)}`
    const own = new AbortController()
    const opening = createZeromqTransport(zeromq, { master, minionId: 'm1', filtering: false, connectTimeoutMs: 5000, ...settings }, systemClock).openRequests(own.signal)
    // What listens is no ZeroMQ: that the connection came is enough.
    const address = await Promise.race([seen.promise, opening.then(() => undefined)])
    own.abort()
    await opening.catch(() => {})
    return address
  },
  detect: async (settings) => {
    const seen = Promise.withResolvers<string | undefined>()
    const server = createServer((socket) => socket.on('data', () => socket.end()))
    const port = await listen(server, seen.resolve)
    const endpoint = { kind: undefined, isTls: false, host: '127.0.0.1', port, path: '/' }
    expect(await probeTransport(endpoint, { connectTimeoutMs: 5000, ...settings }, systemClock, never)).toBe('tcp')
    return seen.promise
  },
}

describe.each(Object.entries(seenBy))('%s', (_name, seen) => {
  test.each<[SourceSettings, string]>([
    [{}, '127.0.0.1'],
    [{ address: '127.0.0.2' }, '127.0.0.2'],
    [{ interfaceName: 'lo', address: '127.0.0.2' }, '127.0.0.1'],
  ])('%j: a connection comes from %s', async (source, expected) => {
    expect(await seen({ source })).toBe(expected)
  })

  test('an address that this host has not, and an interface that is not there, are said', async () => {
    await expect(seen({ source: { interfaceName: 'none0' } })).rejects.toThrow(/source_interface_name: none0 has no address, or is not there \(there are .*\blo\b/)
    await expect(seen({ source: { address: '192.0.2.1' } })).rejects.toThrow(/127\.0\.0\.1:\d+ cannot be reached: .*(EADDRNOTAVAIL|Cannot assign|not available|refused)/i)
  })
})

test('the family is the one that ipv6 asks for, where the interface has it', async () => {
  expect(await sourceAddress({ interfaceName: 'lo' }, false)).toBe('127.0.0.1')
  expect(await sourceAddress({ interfaceName: 'lo' }, true)).toMatch(/^(::1|127\.0\.0\.1)$/)
  expect(await sourceAddress({ address: '::1' })).toBe('::1')
  expect(await sourceAddress({ address: 'localhost' })).toMatch(/^(::1|127\.0\.0\.1)$/)
  await expect(sourceAddress({ address: 'no-such-host.invalid' })).rejects.toThrow('source_address: no-such-host.invalid cannot be looked up')
})

test.each([['tcp', createTcpTransport], ['ws', createWsTransport]] as const)('ipv6: True tries IPv6 addresses first on %s', async (kind, make) => {
  const seen = Promise.withResolvers<string | undefined>()
  let port = 0
  for (const host of ['127.0.0.1', '::1']) {
    const server = createServer((socket) => seen.resolve(socket.localAddress)).listen(port, host)
    await once(server, 'listening')
    ends.push(() => server.close())
    port = (server.address() as AddressInfo).port
  }
  const own = new AbortController()
  const opening = make({ master: `both.test:${port}`, connectTimeoutMs: 5000, ipv6: true }, systemClock).openRequests(own.signal)

  expect(await seen.promise).toBe('::1')
  // What listens speaks no WebSocket.
  if (kind === 'ws') own.abort()
  await opening.then((socket) => ends.push(() => socket.close()), () => {})
})

test('a zeromq socket that was given up before it began looks for nothing: what it does not find would be nobody\'s', async () => {
  const transport = createZeromqTransport(zeromq, {
    master: '127.0.0.1', minionId: 'm1', filtering: false, connectTimeoutMs: 5000, source: { interfaceName: 'nosuch0' },
  }, systemClock)
  await expect(transport.openRequests(AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' })
})
