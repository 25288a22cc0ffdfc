import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TlsOptions } from 'node:tls'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { systemClock } from '../../../agent/clock.ts'
import { silentLogger } from '../../../agent/log.ts'
import { frameOf } from '../../../agent/transport/frames.ts'
import type { Socket } from '../../../agent/transport/port.ts'
import { createTransport } from '../../../agent/transport/select.ts'
import type { TlsSettings } from '../../../agent/transport/tls.ts'
import { encode } from '../../../agent/wire/msgpack.ts'
import { type Authority, type Certificate, createAuthority } from '../../helpers/authority.ts'
import { type FramedServer, startFramedServer } from '../../helpers/framed-server.ts'
import { startTlsProxy, type TlsProxy } from '../../helpers/tls-proxy.ts'
import { until } from '../../helpers/until.ts'

const never = new AbortController().signal
let directory: string
let authority: Authority
let good: Certificate
let minion: Certificate
let framed: FramedServer
let websockets: WebSocketServer
let paths: string[]
const proxies: TlsProxy[] = []
const sockets: Socket[] = []

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'brine-tls-'))
  authority = createAuthority(directory)
  good = authority.sign('good', 'DNS:localhost')
  minion = authority.sign('web1', 'DNS:web1')
})
afterAll(() => rmSync(directory, { recursive: true }))

beforeEach(async () => {
  paths = []
  framed = await startFramedServer()
  framed.onFrame = ({ mid, body }, peer) => peer.write(frameOf(body, mid))
  websockets = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  websockets.on('connection', (socket, request) => {
    paths.push(request.url ?? '')
    socket.on('message', (data: Buffer) => socket.send(data))
    if (request.url === '/publish') socket.send(encode('news'))
  })
  await once(websockets, 'listening')
})
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.close()
  for (const client of websockets.clients) client.terminate()
  websockets.close()
  await Promise.all([framed.close(), ...proxies.splice(0).map((one) => one.close())])
})

/** Of a proxy before the master of that kind. */
async function proxy(kind: 'ws' | 'tcp', tls: TlsOptions = good): Promise<TlsProxy> {
  const started = await startTlsProxy(kind === 'ws' ? (websockets.address() as AddressInfo).port : framed.port, tls)
  proxies.push(started)
  return started
}

const trusting = (): TlsSettings => ({ isVerified: true, caPaths: [authority.caFile], caTexts: [] })

function transport(settings: { transport: 'ws' | 'tcp' | 'detect'; master: string; publishUrl?: string; isTls?: boolean; tls?: TlsSettings }) {
  return createTransport({ minionId: 'web1', connectTimeoutMs: 5000, filtering: false, ...settings }, { clock: systemClock, log: silentLogger })
}

/** Asks one question; gives the answer, or the reason there is none. */
async function ask(settings: Parameters<typeof transport>[0]): Promise<string> {
  try {
    const socket = await transport(settings).openRequests(never)
    sockets.push(socket)
    return Buffer.from(await socket.request(encode('hello'), 5000)).toString('latin1', 1)
  } catch (error) {
    return (error as Error).message.replace(/^localhost:\d+ cannot be reached: /, '')
  }
}

const SCHEME = { ws: 'wss', tcp: 'tls' } as const

describe.each(['ws', 'tcp'] as const)('%s behind a TLS proxy', (kind) => {
  const at = ({ port }: TlsProxy): string => `localhost:${port}`

  test('is reached by a URL, by `ssl`, and by `detect`', async () => {
    const before = await proxy(kind)

    expect(await ask({ transport: kind, master: `${SCHEME[kind]}://${at(before)}`, tls: trusting() })).toBe('hello')
    expect(await ask({ transport: kind, master: at(before), isTls: true, tls: trusting() })).toBe('hello')
    expect(await ask({ transport: 'detect', master: at(before), isTls: true, tls: trusting() })).toBe('hello')
  })

  test('each socket has a URL of its own', async () => {
    const [requests, publications] = [await proxy(kind), await proxy(kind)]
    const master = `${SCHEME[kind]}://${at(requests)}${kind === 'ws' ? '/requests' : ''}`
    const publishUrl = `${SCHEME[kind]}://${at(publications)}${kind === 'ws' ? '/publish' : ''}`
    const heard: string[] = []
    const settings = { transport: 'detect', master, publishUrl, tls: trusting() } as const
    expect(await ask(settings)).toBe('hello')
    const both = transport(settings)
    sockets.push(await both.openRequests(never))
    sockets.push(await both.openPublications(1, (message) => heard.push(Buffer.from(message).toString('latin1', 1)), never, encode('news')))
    await until(() => heard.length === 1, 'a publication came')

    expect(heard).toEqual(['news'])
    expect(paths).toEqual(kind === 'ws' ? ['/requests', '/requests', '/publish'] : [])
  })

  test('what is wrong with its certificate is said, and what to do', async () => {
    const others = createAuthority(directory, 'others')
    const [expired, named, strange] = [authority.sign('expired', 'DNS:localhost', -1), authority.sign('named', 'DNS:salt.example.org'), others.sign('strange', 'DNS:localhost')]
    const reason = async (certificate: Certificate, tls = trusting()): Promise<string> =>
      ask({ transport: kind, master: at(await proxy(kind, certificate)), isTls: true, tls })

    expect(await reason(expired)).toBe("its certificate has expired: renew it there, or set this host's clock (certificate has expired)")
    expect(await reason(named)).toMatch(/^its certificate is for another name: write the name of the certificate in `master` \(.*salt\.example\.org/)
    expect(await reason(strange)).toMatch(/^its certificate comes from an authority that is not trusted: name that authority's file in `ssl: \{ca_certs: FILE\}`/)
    expect(await reason(good, { isVerified: true, caPaths: [], caTexts: [] })).toMatch(/^its certificate comes from an authority that is not trusted/)
    expect(await reason(strange, { ...trusting(), isVerified: false })).toBe('hello')
  })

  test('a server without TLS, and files that are not there, are told too', async () => {
    const port = kind === 'ws' ? (websockets.address() as AddressInfo).port : framed.port
    const tls = { ...trusting(), certFile: join(directory, 'none.pem') }

    expect(await ask({ transport: kind, master: `localhost:${port}`, isTls: true, tls: trusting() })).toMatch(kind === 'ws' ? /^it does not speak TLS on this port: is `ssl` set on the master\? \(wrong version number\)$/ : /TLS/)
    expect(await ask({ transport: kind, master: `localhost:${port}`, isTls: true, tls })).toMatch(/^ssl: certfile cannot be read: ENOENT/)
  })

  test('it may ask for a certificate of the minion', async () => {
    // The newest version tells it only after the handshake.
    const late = { ...good, ca: [readFileSync(authority.caFile, 'utf8')], requestCert: true, rejectUnauthorized: true }
    expect(await ask({ transport: kind, master: at(await proxy(kind, late)), isTls: true, tls: trusting() })).toMatch(/it asks for a certificate of this minion: set `certfile`/)
    expect(await ask({ transport: 'detect', master: at(await proxy(kind, late)), isTls: true, tls: trusting() })).toMatch(/^it asks for a certificate of this minion: set `certfile`/)
    const mutual = { ...good, ca: [readFileSync(authority.caFile, 'utf8')], requestCert: true, rejectUnauthorized: true, maxVersion: 'TLSv1.2' as const }
    const before = await proxy(kind, mutual)
    const settings = { transport: kind, master: at(before), isTls: true } as const

    expect(await ask({ ...settings, tls: { ...trusting(), certFile: minion.certFile, keyFile: minion.keyFile } })).toBe('hello')
    expect(before.clients).toEqual(['web1'])
    expect(await ask({ ...settings, tls: trusting() })).toMatch(/^it asks for a certificate of this minion, or the two have no cipher/)
  })
})

test('authorities may be a directory, a text, or a file that is replaced while the minion runs', async () => {
  const before = await proxy('tcp')
  const master = `tls://localhost:${before.port}`
  const file = join(directory, 'replaced.pem')
  const own = mkdtempSync(join(directory, 'ca-'))
  const pem = createAuthority(own, 'first').caFile
  const text = readFileSync(authority.caFile, 'utf8')
  writeFileSync(join(own, 'more.pem'), text)
  writeFileSync(file, readFileSync(pem))

  expect(await ask({ transport: 'tcp', master, tls: { isVerified: true, caPaths: [own], caTexts: [] } })).toBe('hello')
  expect(await ask({ transport: 'tcp', master, tls: { isVerified: true, caPaths: [], caTexts: [text] } })).toBe('hello')
  const tls = { isVerified: true, caPaths: [file], caTexts: [] }
  const lasting = transport({ transport: 'tcp', master, tls })
  await expect(lasting.openRequests(never)).rejects.toMatchObject({ code: 'UNREACHABLE' })
  writeFileSync(file, text)
  sockets.push(await lasting.openRequests(never))
})
