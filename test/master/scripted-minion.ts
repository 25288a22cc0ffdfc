/** A minion that does what a test tells it: real sockets, the project's own codec, no behaviour of its own. */
import { createHash, createPublicKey, generateKeyPairSync, randomUUID, type KeyObject } from 'node:crypto'
import { createCrypticle, createReplayGuard, type Crypticle } from '../../agent/wire/crypticle.ts'
import { decodePublication, encodeClear, encodeSealed } from '../../agent/wire/envelope.ts'
import { decode } from '../../agent/wire/msgpack.ts'
import { cleanKey } from '../../agent/wire/pem.ts'
import { DEFAULT_ALGORITHMS, decryptWith, isSignedBy, isX931SignedBy, readPublicKey, x931Sign } from '../../agent/wire/rsa.ts'
import { get, isObject, type Value, type ValueObject } from '../../agent/wire/value.ts'

export interface Identity {
  id: string
  key: KeyObject
  pub: string
}

export function makeIdentity(id: string): Identity {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return { id, key: privateKey, pub: cleanKey(String(createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }))) }
}

export interface Connection {
  /** The reply's bytes; null when the master closed instead. */
  send(request: Uint8Array): Promise<Buffer | null>
  /** Resolves with the next frame the other side pushes; null when it closed. */
  next(): Promise<Buffer | null>
  socket: WebSocket
  close(): void
}

/** Opens a WebSocket to a port of this host. Frames are handed out in order. */
export async function openConnection(port: number): Promise<Connection> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`)
  socket.binaryType = 'arraybuffer'
  const frames: (Buffer | null)[] = []
  const waiting: ((frame: Buffer | null) => void)[] = []
  const push = (frame: Buffer | null) => {
    const taker = waiting.shift()
    if (taker) taker(frame)
    else frames.push(frame)
  }
  socket.addEventListener('message', (event) => push(Buffer.from(event.data as ArrayBuffer)))
  socket.addEventListener('close', () => {
    push(null)
    for (const taker of waiting.splice(0)) taker(null)
  })
  await new Promise<void>((done, failed) => {
    socket.addEventListener('open', () => done())
    socket.addEventListener('error', () => failed(new Error('the connection failed')))
  })
  const next = () =>
    new Promise<Buffer | null>((done) => {
      const frame = frames.shift()
      if (frame !== undefined) done(frame)
      else if (socket.readyState === WebSocket.CLOSED) done(null)
      else waiting.push(done)
    })
  return {
    next,
    send(request) {
      socket.send(new Uint8Array(request))
      return next()
    },
    socket,
    close: () => socket.close(),
  }
}

export function authLoad(identity: Identity, more: Record<string, Value | undefined> = {}): Record<string, unknown> {
  return {
    cmd: '_auth',
    id: identity.id,
    nonce: randomUUID().replaceAll('-', ''),
    enc_algo: DEFAULT_ALGORITHMS.encryption,
    sig_algo: DEFAULT_ALGORITHMS.signing,
    pub: identity.pub,
    ...more,
  }
}

/** The signed content of an authentication reply, after its signature was checked with the master's key. */
export async function authenticate(connection: Connection, load: Record<string, unknown>, masterPub: string): Promise<ValueObject> {
  const reply = await connection.send(encodeClear(load))
  if (reply === null) throw new Error('the master closed the connection')
  const outer = decode(reply, { raw: true })
  const signed = get(outer, 'load')
  const signature = get(outer, 'sig')
  if (!(signed instanceof Uint8Array) || !(signature instanceof Uint8Array)) throw new Error('the reply is not signed')
  if (!isSignedBy(readPublicKey(masterPub), signed, signature, 'PKCS1v15-SHA1')) throw new Error('the signature is wrong')
  const content = decode(signed)
  if (!isObject(content) || content['nonce'] !== load['nonce']) throw new Error('the reply is for another request')
  return content
}

export interface Session {
  identity: Identity
  requests: Connection
  shared: Crypticle
  session: Crypticle
  /** Sends a command; the opened reply. */
  ask(load: ValueObject): Promise<Value>
  /** The next publication of this connection, opened and without its serial. */
  nextPublication(): Promise<ValueObject>
  close(): void
}

/** Authenticates and opens both sockets. Throws when the master does not accept. */
export async function logIn(identity: Identity, ports: { publish: number; request: number }, masterPub: string): Promise<Session> {
  const requests = await openConnection(ports.request)
  const publications = await openConnection(ports.publish)
  const content = await authenticate(requests, authLoad(identity), masterPub)
  const shared = createCrypticle(openFor(identity, content['aes']))
  const session = createCrypticle(openFor(identity, content['session']))
  const digest = Buffer.from(createHash('sha256').update(shared.keyText).digest('hex'))
  if (!isX931SignedBy(readPublicKey(masterPub), digest, bytes(content['sig']))) throw new Error('the shared key is not signed')
  const guard = createReplayGuard()
  return {
    identity, requests, shared, session,
    ask: (load) => ask({ identity, requests, session }, load),
    async nextPublication() {
      const frame = await publications.next()
      if (frame === null) throw new Error('the publication socket closed')
      const publication = decodePublication(frame)
      if (!isSignedBy(readPublicKey(masterPub), publication.sealed, publication.signature ?? new Uint8Array(), 'PKCS1v15-SHA1')) {
        throw new Error('a publication is not signed')
      }
      const load = shared.open(publication.sealed)
      if (!isObject(load) || !guard.admit(load)) throw new Error('a publication came twice')
      return load
    },
    close() {
      requests.close()
      publications.close()
    },
  }
}

/** A whole, correct encrypted request, with parts replaced by a test that wants it wrong. */
export function sealRequest(
  { identity, session }: { identity: Identity; session: Crypticle },
  load: Record<string, unknown>,
  outerId = identity.id,
): Buffer {
  const whole = { id: identity.id, nonce: '0'.repeat(32), ts: Math.floor(Date.now() / 1000), tok: x931Sign(identity.key, Buffer.from('salt')), ...load }
  return encodeSealed(session.seal(whole), outerId, DEFAULT_ALGORITHMS)
}

async function ask(from: { identity: Identity; requests: Connection; session: Crypticle }, load: ValueObject): Promise<Value> {
  const nonce = randomUUID().replaceAll('-', '')
  const reply = await from.requests.send(sealRequest(from, { ...load, nonce }))
  if (reply === null) throw new Error('the master closed the connection')
  return from.session.open(bytes(decode(reply, { raw: true })), { nonce })
}

/** A pillar reply opened as a minion does: key, content, signature. */
export function openPillar(reply: Value, identity: Identity): { pillar: Value; nonce: Value } {
  const key = createCrypticle(openFor(identity, get(reply, 'key')))
  const signed = key.open(bytes(get(reply, 'pillar')))
  const data = decode(bytes(get(signed, 'data')))
  return { pillar: get(data, 'pillar') ?? null, nonce: get(data, 'nonce') ?? null }
}

function openFor(identity: Identity, sealed: Value | undefined): string {
  return decryptWith(identity.key, bytes(sealed), 'OAEP-SHA1').toString()
}

export function bytes(value: Value | undefined): Buffer {
  return typeof value === 'string' ? Buffer.from(value) : Buffer.from(value instanceof Uint8Array ? value : [])
}
