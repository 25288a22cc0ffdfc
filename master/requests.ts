/**
 * Answers what comes in on the request socket (Salt: channel/server.py `handle_message`, master.py `AESFuncs`).
 *
 * Order of checks: a map with `enc` and `load` → protocol version 3 → clear or encrypted. An encrypted request must name
 * an accepted minion, open with that minion's session key, carry the same id inside, be young enough, and hold the token
 * that only the minion's key can make. Whatever fails is answered with Salt's clear "bad load".
 */
import type { Clock } from '../agent/clock.ts'
import type { Logger } from '../agent/log.ts'
import { NONCE_LENGTH, createCrypticle, generateKeyText } from '../agent/wire/crypticle.ts'
import { EnvelopeError, PROTOCOL_VERSION, type Request, decodeRequest } from '../agent/wire/envelope.ts'
import { encode } from '../agent/wire/msgpack.ts'
import { type Algorithms, DEFAULT_ALGORITHMS } from '../agent/wire/rsa.ts'
import { type Value, type ValueObject, get, isObject } from '../agent/wire/value.ts'
import { errorText } from '../returners/lib/error-code.ts'
import { type KeyStore, isValidId } from './keys.ts'
import { type MinionKey, readMinionKey } from './minion-key.ts'
import type { MasterKey } from './master-key.ts'
import type { RequestConnection, RequestHandler } from './server/ws.ts'
import type { SessionKeys } from './sessions.ts'

/** How a command is answered: under the session key, or for the minion's own key alone (pillar). */
export type Answer = { kind: 'send'; value: Value } | { kind: 'private'; name: string; value: Value }

/** Carries out one decrypted command of an accepted minion. `load` has no nonce and no token any more. */
export type CommandHandler = (id: string, load: ValueObject) => Promise<Answer>

export interface RequestPorts {
  clock: Clock
  log: Logger
  keys: KeyStore
  masterKey: MasterKey
  sessions: SessionKeys
  authenticate(load: ValueObject): ValueObject | null
  command: CommandHandler
  /** Seconds a request may be old; 0 for no limit. */
  requestServerTtl: number
}

const badLoad = 'bad load'
/**
 * Largest request in clear, bytes: a key of 8 KiB at most, and grains to sign by. Strangers send these, and one that does not read its
 * answer keeps both in memory.
 */
const maxClearBytes = 65_536

interface OpenedRequest {
  id: string
  load: ValueObject
  key: MinionKey
  nonce: string
  algorithms: Algorithms
}

/** Makes the request socket's handler: bytes in, bytes out, null to close. */
export function makeRequestHandler(ports: RequestPorts): RequestHandler {
  const { log } = ports
  const readKeys = new Map<string, MinionKey>()

  return async (bytes, connection) => {
    let request: Request
    try {
      request = decodeRequest(bytes)
    } catch (error) {
      if (error instanceof EnvelopeError) return encode(refuse(connection, error.message))
      log.warn({ remote: connection.remote, bytes: bytes.length, reason: errorText(error) }, 'a request is no msgpack, its connection is closed')
      return null
    }
    if (request.enc === 'clear' && bytes.length > maxClearBytes) return encode(refuse(connection, `${bytes.length} bytes in clear`))
    const reply = await respond(request, connection)
    return reply === null ? null : encode(reply)
  }

  async function respond(request: Request, connection: RequestConnection): Promise<Value> {
    if (request.version < PROTOCOL_VERSION) return refuse(connection, `protocol version below ${PROTOCOL_VERSION}`)
    if (request.enc === 'clear') return answerClear(request.load)
    const opened = open(request)
    if (typeof opened === 'string') return refuse(connection, opened, request.id)
    connection.minionId = opened.id
    return carryOut(opened)
  }

  function answerClear(load: ValueObject): Value {
    const id = get(load, 'id') ?? ''
    if (typeof id !== 'string') return 'bad load: id is not a string'
    if (id.includes('\0')) return 'bad load: id contains a null byte'
    const command = get(load, 'cmd')
    if (command === '_auth') return ports.authenticate(load)
    // The one other clear command a minion may use; those that command the master come over its local socket only.
    return command === 'ping' ? load : {}
  }

  /** The request's content, or why it is refused. The accepted key is looked at first, so that strangers cost nothing. */
  function open({ id, load, algorithms }: Request & { enc: 'aes' }): OpenedRequest | string {
    if (!isValidId(id)) return 'no usable id'
    const key = acceptedKey(id)
    if (key === null) return 'the id has no accepted key'
    const content = unseal(id, load)
    if (typeof content === 'string') return content
    const { nonce, tok, ...rest } = content
    const age = ports.clock.now() / 1000 - Number(rest['ts'])
    if (rest['id'] !== id) return 'the ids inside and outside differ'
    if (ports.requestServerTtl > 0 && !(age <= ports.requestServerTtl)) return 'older than request_server_ttl'
    if (typeof nonce !== 'string' || nonce.length !== NONCE_LENGTH) return 'no nonce'
    if (!key.isToken(tok)) return 'the token is not from the accepted key'
    return { id, load: rest, key, nonce, algorithms: { ...DEFAULT_ALGORITHMS, ...algorithms } }
  }

  /** The key that is accepted now: the file decides at every request, its parsing is remembered. */
  function acceptedKey(id: string): MinionKey | null {
    const pem = ports.keys.read(id, 'accepted')
    const known = readKeys.get(id)
    if (pem !== null && known?.pem === pem) return known
    const key = pem === null ? null : readMinionKey(pem)
    if (key) readKeys.set(id, key)
    else readKeys.delete(id)
    return key
  }

  function unseal(id: string, sealed: Uint8Array): ValueObject | string {
    try {
      const content = ports.sessions.of(id).open(sealed)
      return isObject(content) ? content : 'the content is no map'
    } catch (error) {
      return errorText(error)
    }
  }

  async function carryOut(request: OpenedRequest): Promise<Value> {
    const { id, load, nonce } = request
    const command = get(load, 'cmd')
    if (typeof command !== 'string') return 'Some exception handling minion payload'
    let answer: Answer
    try {
      answer = await ports.command(id, load)
    } catch (error) {
      // Salt's sign for an exception: an empty text. The minion tries again.
      log.error({ id, cmd: command.slice(0, 40), err: error }, 'a request could not be carried out')
      answer = { kind: 'send', value: '' }
    }
    if (answer.kind === 'private') return seal(request, answer)
    return ports.sessions.of(id).seal(answer.value, nonce)
  }

  /** A reply for the minion's own key: `{key, <name>: {data, sig}}`. */
  function seal({ key: minionKey, nonce, algorithms }: OpenedRequest, answer: Answer & { kind: 'private' }): Value {
    const cipher = createCrypticle(generateKeyText())
    const key = minionKey.encrypt(Buffer.from(cipher.keyText), algorithms.encryption)
    const data = encode({ key, [answer.name]: answer.value, nonce })
    return { key, [answer.name]: cipher.seal({ data, sig: ports.masterKey.sign(data, algorithms.signing) }) }
  }

  function refuse(connection: RequestConnection, reason: string, id?: string): string {
    const claimed = id === undefined ? {} : { id: id.slice(0, 100) }
    log.warn({ remote: connection.remote, ...claimed, reason }, 'a request is refused')
    return badLoad
  }
}
