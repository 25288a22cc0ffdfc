import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { WebSocketServer } from 'ws'
import { encodeSignedReply, keyDigest } from '../../agent/wire/auth.ts'
import { createCrypticle, generateKeyText } from '../../agent/wire/crypticle.ts'
import { decodeRequest, encodePublication } from '../../agent/wire/envelope.ts'
import { encode } from '../../agent/wire/msgpack.ts'
import { cleanKey } from '../../agent/wire/pem.ts'
import { sealPrivateReply } from '../../agent/wire/private-reply.ts'
import { DEFAULT_ALGORITHMS, decryptWith, encryptFor, readPublicKey, signWith, x931Sign } from '../../agent/wire/rsa.ts'
import type { KeyObject } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import type { WebSocket } from 'ws'
import type { Value, ValueObject } from '../../agent/wire/value.ts'

/** A master's answer that is none: the minion waits. */
export const SILENCE = Symbol('silence')

export interface RsaPair {
  privateKey: KeyObject
  publicPem: string
}

/** What this master does; a test changes it at any time. */
export interface MasterScript {
  /** Answers `_auth`; default accepts. Bytes are sent as they are. */
  auth: (load: ValueObject, master: ScriptedMaster) => Uint8Array | typeof SILENCE
  /** Answers a decrypted request with a value, which is sealed; or bytes, which are sent as they are. */
  answer: (load: ValueObject, master: ScriptedMaster) => Value | typeof SILENCE
  pillar: Value
}

/** A master on real ws sockets that says what a test tells it to, with Salt's cryptography. */
export interface ScriptedMaster {
  readonly requestPort: number
  readonly publishPort: number
  readonly script: MasterScript
  key: RsaPair
  sessionKey: string
  sharedKey: string
  /** Decrypted loads and handshakes, in the order they came. */
  readonly requests: ValueObject[]
  /** How often a request socket was opened. */
  readonly requestSockets: number
  /** Minions on the publish socket. */
  readonly subscribers: number
  /** The fields of an accepting answer, for a test to change. */
  acceptance(load: ValueObject): Record<string, unknown>
  /** Signs an answer to the handshake. */
  signed(fields: object, key?: KeyObject): Uint8Array
  publish(load: ValueObject, options?: { signWith?: KeyObject | null; sharedKey?: string }): void
  publishBytes(bytes: Uint8Array): void
  /** Sends an answer late, on the newest request socket. */
  reply(bytes: Uint8Array | typeof SILENCE): void
  /** Cuts all sockets of one kind. */
  cut(kind: 'requests' | 'publications'): void
  /** Ends listening and all sockets; `listen` comes back on the same ports. */
  shut(): Promise<void>
  listen(): Promise<void>
}

/** A new RSA key. */
export function createRsaPair(bits = 2048): RsaPair {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: bits })
  return { privateKey, publicPem: cleanKey(publicKey.export({ format: 'pem', type: 'spki' }).toString()) }
}

/** Starts a scripted master on free ports. */
export async function createScriptedMaster(key: RsaPair, script: Partial<MasterScript> = {}): Promise<ScriptedMaster> {
  const requests: ValueObject[] = []
  let servers: WebSocketServer[] = []
  let ports = [0, 0]
  let requestSockets = 0
  let serial = 0

  const master: ScriptedMaster = {
    get requestPort() {
      return ports[0] ?? 0
    },
    get publishPort() {
      return ports[1] ?? 0
    },
    get requestSockets() {
      return requestSockets
    },
    get subscribers() {
      return servers[1]?.clients.size ?? 0
    },
    script: {
      auth: (load) => master.signed(master.acceptance(load)),
      answer: () => null,
      pillar: {},
      ...script,
    },
    key,
    sessionKey: generateKeyText(),
    sharedKey: generateKeyText(),
    requests,
    acceptance: (load) => acceptance(load, master),
    signed: (fields, signingKey = master.key.privateKey) => encodeSignedReply(fields, signingKey, DEFAULT_ALGORITHMS.signing),
    publish(load, { signWith: signer = master.key.privateKey, sharedKey = master.sharedKey } = {}) {
      serial += 1
      const sealed = createCrypticle(sharedKey).seal({ serial, ...load })
      const algorithm = DEFAULT_ALGORITHMS.signing
      master.publishBytes(encodePublication(signer === null ? { sealed } : { sealed, signature: signWith(signer, sealed, algorithm), signingAlgorithm: algorithm }))
    },
    publishBytes(bytes) {
      for (const socket of servers[1]?.clients ?? []) socket.send(bytes)
    },
    reply(bytes) {
      if (bytes !== SILENCE) [...servers[0]?.clients ?? []].at(-1)?.send(bytes)
    },
    cut(kind) {
      for (const socket of servers[kind === 'requests' ? 0 : 1]?.clients ?? []) socket.terminate()
    },
    async shut() {
      const closing = servers
      servers = []
      for (const server of closing) for (const socket of server.clients) socket.terminate()
      await Promise.all(closing.map((server) => new Promise((resolve) => {
        server.close(resolve)
      })))
    },
    async listen() {
      servers = await Promise.all(ports.map(async (port) => {
        const server = new WebSocketServer({ port, host: '127.0.0.1', maxPayload: 4 * 1024 * 1024 })
        await once(server, 'listening')
        return server
      }))
      ports = servers.map((server) => (server.address() as AddressInfo).port)
      servers[0]?.on('connection', (socket) => {
        requestSockets += 1
        socket.on('message', (data: Buffer) => reply(socket, data, master))
      })
    },
  }
  await master.listen()
  return master
}

function reply(socket: WebSocket, data: Buffer, master: ScriptedMaster): void {
  const request = decodeRequest(data)
  if (request.enc === 'clear') {
    master.requests.push(request.load)
    const answer = master.script.auth(request.load, master)
    if (answer !== SILENCE) socket.send(answer)
    return
  }
  let load: ValueObject
  try {
    load = createCrypticle(master.sessionKey).open(request.load) as ValueObject
  } catch {
    socket.send(encode('bad load'))
    return
  }
  master.requests.push(load)
  const answer = load['cmd'] === '_pillar' ? pillarBytes(load, master) : master.script.answer(load, master)
  if (answer === SILENCE) return
  socket.send(answer instanceof Uint8Array ? answer : encode(createCrypticle(master.sessionKey).seal(answer, textIn(load, 'nonce'))))
}

function pillarBytes(load: ValueObject, master: ScriptedMaster): Uint8Array {
  const keys = { minionKey: minionKeyOf(master), masterKey: master.key.privateKey, algorithms: DEFAULT_ALGORITHMS }
  return sealPrivateReply(master.script.pillar, 'pillar', textIn(load, 'nonce'), keys)
}

/** The key the minion sent in its last handshake. */
function minionKeyOf(master: ScriptedMaster): KeyObject {
  const auth = master.requests.findLast((load) => load['cmd'] === '_auth')
  return readPublicKey(textIn(auth, 'pub'))
}

function acceptance(load: ValueObject, master: ScriptedMaster): Record<string, unknown> {
  const minionKey = readPublicKey(textIn(load, 'pub'))
  const seal = (text: string | Buffer): Buffer => encryptFor(minionKey, Buffer.from(text), DEFAULT_ALGORITHMS.encryption)
  return {
    enc: 'pub',
    pub_key: master.key.publicPem,
    publish_port: master.publishPort,
    aes: seal(master.sharedKey),
    session: seal(master.sessionKey),
    token: openedToken(load, master, seal),
    sig: x931Sign(master.key.privateKey, keyDigest(master.sharedKey)),
    nonce: load['nonce'],
  }
}

/** Salt leaves the token out when it cannot open it. */
function openedToken(load: ValueObject, master: ScriptedMaster, seal: (text: Buffer) => Buffer): Buffer | undefined {
  const { token } = load
  if (!(token instanceof Uint8Array)) return undefined
  try {
    return seal(decryptWith(master.key.privateKey, token, DEFAULT_ALGORITHMS.encryption))
  } catch {
    return undefined
  }
}

function textIn(load: ValueObject | undefined, key: string): string {
  const value = load?.[key]
  if (typeof value !== 'string') throw new Error(`the request has no ${key}`)
  return value
}
