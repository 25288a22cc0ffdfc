/**
 * The outer messages of protocol version 3: what is around the sealed or clear loads (channel/client.py, channel/server.py).
 * Nobody has authenticated them when they are read here, so they are read with small limits.
 */
import { isUtf8 } from 'node:buffer'
import { decode, encode } from './msgpack.ts'
import { get, isMap, isObject } from './value.ts'
import { isEncryptionAlgorithm, isSigningAlgorithm } from './rsa.ts'
import type { Algorithms, SigningAlgorithm } from './rsa.ts'
import type { Value, ValueObject } from './value.ts'

/** Sent with every request, clear ones too: masters since CVE-2025-62349 answer lower ones with "bad load". */
export const PROTOCOL_VERSION = 3

/** An envelope holds a handful of values around one or two byte strings. */
const OUTER_LIMITS = { maxDepth: 4, maxValues: 256, raw: true } as const

/** A message that is not what the protocol says. */
export class EnvelopeError extends Error {
  override name = 'EnvelopeError'
}

/** The bytes of a cleartext request (only the handshake). */
export function encodeClear(load: unknown): Buffer {
  return encode({ enc: 'clear', load, version: PROTOCOL_VERSION })
}

/** The bytes of a sealed request. The names of the algorithms tell the master how to seal a private reply. */
export function encodeSealed(sealed: Uint8Array, id: string, algorithms: Algorithms): Buffer {
  return encode({
    enc: 'aes', load: sealed, version: PROTOCOL_VERSION, id, enc_algo: algorithms.encryption, sig_algo: algorithms.signing,
  })
}

/** What a minion says on the tcp publish socket: who it is, sealed with the shared key (channel/client.py `send_id`). Nothing answers it. */
export function encodeHello(sealed: Uint8Array): Buffer {
  return encode({ enc: 'aes', load: sealed, version: PROTOCOL_VERSION })
}

/** A request as a master reads it. */
export type Request =
  | { enc: 'clear'; load: ValueObject; version: number }
  | { enc: 'aes'; load: Uint8Array; version: number; id: string | undefined; algorithms: Partial<Algorithms> }

/** Reads a request. @throws EnvelopeError for what a master answers with "bad load". */
export function decodeRequest(bytes: Uint8Array): Request {
  const outer = decodeOuter(bytes)
  const version = get(outer, 'version')
  const enc = textOf(get(outer, 'enc'))
  const load = get(outer, 'load')
  const common = { version: typeof version === 'number' ? version : 0 }
  if (enc === 'aes' && load instanceof Uint8Array) {
    return { enc, load, ...common, id: textOf(get(outer, 'id')), algorithms: algorithmsOf(outer) }
  }
  if (enc !== 'clear') throw new EnvelopeError('the request has neither a clear nor a sealed load')
  // Read again as text: what a clear load holds is text and numbers.
  const clear = get(decode(bytes, { ...OUTER_LIMITS, raw: false }), 'load')
  if (!isObject(clear)) throw new EnvelopeError('the load of a clear request is not a map')
  return { enc, load: clear, ...common }
}

function algorithmsOf(outer: Value): Partial<Algorithms> {
  const encryption = textOf(get(outer, 'enc_algo'))
  const signing = textOf(get(outer, 'sig_algo'))
  return {
    ...(isEncryptionAlgorithm(encryption) ? { encryption } : {}),
    ...(isSigningAlgorithm(signing) ? { signing } : {}),
  }
}

/** A reply before anything of it is believed. */
export type Reply =
  /** An error in clear text: "bad load", "Some exception handling minion payload" … */
  | { kind: 'text'; text: string }
  /** Ciphertext under the session key. */
  | { kind: 'sealed'; bytes: Uint8Array }
  /** The handshake's reply or a private one; byte strings in it are bytes. */
  | { kind: 'map'; map: Value }

/** No ciphertext is shorter: IV, one block, HMAC. */
const SHORTEST_SEALED = 64

/** Reads a reply. @throws EnvelopeError when it is none of the three kinds. */
export function decodeReply(bytes: Uint8Array): Reply {
  const outer = decodeOuter(bytes, 'reply')
  if (isMap(outer)) return { kind: 'map', map: outer }
  if (!(outer instanceof Uint8Array)) throw new EnvelopeError('the reply is neither a map nor bytes')
  // Salt tells its error texts from ciphertext by nothing. All of its own begin so, and ciphertext practically never is UTF-8.
  if (isUtf8(outer) && (outer.length < SHORTEST_SEALED || isErrorText(outer))) {
    return { kind: 'text', text: Buffer.from(outer).toString('utf8').slice(0, 200) }
  }
  return { kind: 'sealed', bytes: outer }
}

function isErrorText(bytes: Uint8Array): boolean {
  return /^(bad load|payload and load|Some exception|Server-side)/.test(Buffer.from(bytes).toString('latin1', 0, 32))
}

/** A publication before its signature is checked. */
export interface Publication {
  sealed: Uint8Array
  signature?: Uint8Array
  /** The name in the message, when it is one we know. */
  signingAlgorithm?: SigningAlgorithm
}

/** The bytes of a publication as ws carries it: a msgpack bin that holds the msgpack map (transport/ws.py packs it once more). */
export function encodePublication(publication: Publication): Buffer {
  const { sealed, signature, signingAlgorithm } = publication
  const inner = encode({ enc: 'aes', load: sealed, sig_algo: signature && signingAlgorithm, sig: signature })
  return encode(inner, { bin: true })
}

/** Reads a publication, packed once (zeromq) or twice (ws, tcp). @throws EnvelopeError */
export function decodePublication(frame: Uint8Array): Publication {
  const once = decodeOuter(frame, 'publication')
  const outer = once instanceof Uint8Array ? decodeOuter(once, 'publication') : once
  const sealed = get(outer, 'load')
  if (textOf(get(outer, 'enc')) !== 'aes' || !(sealed instanceof Uint8Array)) throw new EnvelopeError('the publication has no sealed load')
  const signature = get(outer, 'sig')
  const signingAlgorithm = textOf(get(outer, 'sig_algo'))
  return {
    sealed,
    ...(signature instanceof Uint8Array ? { signature } : {}),
    ...(isSigningAlgorithm(signingAlgorithm) ? { signingAlgorithm } : {}),
  }
}

/** Text out of a raw value; undefined for anything else. */
export function textOf(value: Value | undefined): string | undefined {
  if (typeof value === 'string') return value
  return value instanceof Uint8Array && isUtf8(value) ? Buffer.from(value).toString('utf8') : undefined
}

function decodeOuter(bytes: Uint8Array, what = 'request'): Value {
  try {
    return decode(bytes, OUTER_LIMITS)
  } catch (error) {
    throw new EnvelopeError(`the ${what} is malformed`, { cause: error })
  }
}
