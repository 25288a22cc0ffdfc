/**
 * The messages of the handshake, `_auth` (crypt.py `AsyncAuth.sign_in`, channel/server.py `_auth`). What is believed of a reply, and in
 * which order, is decided in link/handshake.ts.
 */
import { createHash } from 'node:crypto'
import { EnvelopeError, encodeClear, decodeReply, textOf } from './envelope.ts'
import { decode, encode, MsgpackError } from './msgpack.ts'
import { get, isMap } from './value.ts'
import { cleanKey } from './pem.ts'
import { signWith } from './rsa.ts'
import type { KeyObject } from 'node:crypto'
import type { Algorithms, SigningAlgorithm } from './rsa.ts'
import type { Value, ValueObject } from './value.ts'

export interface AuthRequest {
  id: string
  /** 32 lower-case hex characters, new for every request. */
  nonce: string
  algorithms: Algorithms
  /** The minion's public key, PEM. */
  publicKey: string
  /** A random text encrypted for the pinned master, which only that master can give back. */
  token?: Uint8Array
  /** What the option `autosign_grains` names, for masters that accept keys by grains. */
  autosignGrains?: ValueObject
}

/** The bytes of an `_auth` request. */
export function encodeAuthRequest(request: AuthRequest): Buffer {
  return encodeClear({
    cmd: '_auth',
    id: request.id,
    nonce: request.nonce,
    enc_algo: request.algorithms.encryption,
    sig_algo: request.algorithms.signing,
    autosign_grains: request.autosignGrains,
    token: request.token,
    pub: cleanKey(request.publicKey),
  })
}

/** A reply to `_auth`, read but not believed. */
export type AuthReply =
  /** An error in clear: "bad load", or the load of an unsigned `ret`. */
  | { kind: 'error'; text: string }
  | { kind: 'answer'; signed: Uint8Array; signature: Uint8Array; nonce: string | undefined; ret: AuthRet }
  | { kind: 'keys'; signed: Uint8Array; signature: Uint8Array; nonce: string | undefined; keys: AuthKeys }

/** What `ret` says: the key waits, is refused, or the master takes no more minions. */
export type AuthRet = 'pending' | 'rejected' | 'full'

/** What an accepting master sends. Encrypted members are encrypted for the minion. */
export interface AuthKeys {
  /** The master's public key, PEM, clean form. */
  masterKey: string
  publishPort: number
  /** The shared key of publications. */
  aes: Uint8Array
  /** X9.31 signature over the hex digest of the shared key's text. */
  aesSignature: Uint8Array
  /** This minion's own key; absent from masters that speak protocol 2. */
  session?: Uint8Array
  /** The request's token, decrypted by the master. */
  token?: Uint8Array
  /** Base64 text: signature over `masterKey` by the master's signing key. */
  masterKeySignature?: string
}

const REPLY_LIMITS = { maxDepth: 4, maxValues: 256, raw: true } as const

/** Reads a reply to `_auth`. @throws EnvelopeError when it is no such reply. */
export function decodeAuthReply(bytes: Uint8Array): AuthReply {
  const reply = decodeReply(bytes)
  if (reply.kind === 'text') return { kind: 'error', text: reply.text }
  if (reply.kind === 'sealed') throw new EnvelopeError('the reply to the handshake is encrypted')
  const signed = get(reply.map, 'load')
  if (isMap(signed)) return { kind: 'error', text: textOf(get(signed, 'ret')) ?? 'an unsigned reply' }
  const signature = get(reply.map, 'sig')
  if (!(signed instanceof Uint8Array) || !(signature instanceof Uint8Array)) {
    throw new EnvelopeError('the reply to the handshake is not signed')
  }
  const fields = decodeFields(signed)
  const common = { signed, signature, nonce: textOf(get(fields, 'nonce')) }
  return get(fields, 'pub_key') === undefined
    ? { kind: 'answer', ...common, ret: readRet(get(fields, 'ret')) }
    : { kind: 'keys', ...common, keys: readKeys(fields) }
}

function decodeFields(signed: Uint8Array): Value {
  try {
    return decode(signed, REPLY_LIMITS)
  } catch (error) {
    if (error instanceof MsgpackError) throw new EnvelopeError('the signed part of the handshake is malformed', { cause: error })
    throw error
  }
}

function readRet(ret: Value | undefined): AuthRet {
  if (ret === true) return 'pending'
  if (ret === false) return 'rejected'
  if (textOf(ret) === 'full') return 'full'
  throw new EnvelopeError('the reply to the handshake says nothing we know')
}

function readKeys(fields: Value): AuthKeys {
  const session = get(fields, 'session')
  const token = get(fields, 'token')
  const masterKeySignature = textOf(get(fields, 'pub_sig'))
  const publishPort = get(fields, 'publish_port')
  if (typeof publishPort !== 'number' || !Number.isInteger(publishPort) || publishPort < 1 || publishPort > 65_535) {
    throw new EnvelopeError('the reply to the handshake has no publish port')
  }
  return {
    masterKey: cleanKey(textOf(get(fields, 'pub_key')) ?? ''),
    publishPort,
    aes: bytesOf(fields, 'aes'),
    aesSignature: bytesOf(fields, 'sig'),
    ...(session instanceof Uint8Array ? { session } : {}),
    ...(token instanceof Uint8Array ? { token } : {}),
    ...(masterKeySignature === undefined ? {} : { masterKeySignature }),
  }
}

function bytesOf(fields: Value, name: string): Uint8Array {
  const value = get(fields, name)
  if (!(value instanceof Uint8Array)) throw new EnvelopeError(`the reply to the handshake has no ${name}`)
  return value
}

/** What is signed of a shared key: the hex digest of its text. */
export function keyDigest(keyText: string): Buffer {
  return Buffer.from(createHash('sha256').update(keyText).digest('hex'))
}

/** The bytes of a signed handshake reply, as a master sends it (channel/server.py `_clear_signed`). */
export function encodeSignedReply(fields: object, masterKey: KeyObject, algorithm: SigningAlgorithm): Buffer {
  const load = encode(fields)
  return encode({ enc: 'clear', load, sig: signWith(masterKey, load, algorithm) })
}
