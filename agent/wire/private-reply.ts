/**
 * Replies that are sealed for one minion alone, whatever the session key (channel/server.py `_encrypt_private`): a fresh key encrypted
 * for the minion's public key, and under it a signed copy of {key, pillar, nonce}. Salt uses them for `_pillar` only.
 */
import { createCrypticle, CrypticleError, generateKeyText } from './crypticle.ts'
import { textOf } from './envelope.ts'
import { decode, encode } from './msgpack.ts'
import { decryptWith, encryptFor, isSignedBy, signWith } from './rsa.ts'
import { get } from './value.ts'
import type { KeyObject } from 'node:crypto'
import type { Algorithms } from './rsa.ts'
import type { Value } from './value.ts'

/** The reply could not be opened or is not to be believed. */
export class PrivateReplyError extends Error {
  override name = 'PrivateReplyError'
}

export interface PrivateReplyKeys {
  /** The minion's private key. */
  minionKey: KeyObject
  /** The pinned master's public key. */
  masterKey: KeyObject
  algorithms: Algorithms
}

/**
 * Opens a private reply: decrypts its key, then its body, checks the master's signature, that the signed key is the one that was used,
 * and the nonce of the request. Gives the value under `member` (`pillar`).
 *
 * @param reply The reply's map, its byte strings as bytes (`decodeReply`).
 * @throws PrivateReplyError; for an error map with the master's own words.
 */
export function openPrivateReply(reply: Value, member: string, nonce: string, keys: PrivateReplyKeys): Value {
  const sealedKey = get(reply, 'key')
  const sealedBody = get(reply, member)
  const error = textOf(get(reply, 'error'))
  if (error !== undefined) throw new PrivateReplyError(`the master says: ${error.slice(0, 200)}`)
  if (!(sealedKey instanceof Uint8Array) || !(sealedBody instanceof Uint8Array)) throw new PrivateReplyError('the private reply lacks its parts')
  const signed = openBody(sealedKey, sealedBody, keys)
  const inner = parse(signed, true)
  const innerKey = get(inner, 'key')
  if (!(innerKey instanceof Uint8Array) || !Buffer.from(innerKey).equals(sealedKey)) {
    throw new PrivateReplyError('the private reply was signed for another key')
  }
  if (textOf(get(inner, 'nonce')) !== nonce) throw new PrivateReplyError('the private reply carries the nonce of another request')
  const value = get(parse(signed, false), member)
  if (value === undefined) throw new PrivateReplyError(`the private reply has no ${member}`)
  return value
}

/** The signed bytes inside, once the signature is good. */
function openBody(sealedKey: Uint8Array, sealedBody: Uint8Array, keys: PrivateReplyKeys): Uint8Array {
  const { encryption, signing } = keys.algorithms
  let body: Value
  try {
    const keyText = decryptWith(keys.minionKey, sealedKey, encryption).toString('latin1')
    body = createCrypticle(keyText).open(sealedBody, { raw: true })
  } catch (error) {
    const why = error instanceof CrypticleError ? error.message : 'its key was not encrypted for us'
    throw new PrivateReplyError(`the private reply cannot be opened: ${why}`, { cause: error })
  }
  const data = get(body, 'data')
  const signature = get(body, 'sig')
  if (!(data instanceof Uint8Array) || !(signature instanceof Uint8Array)) throw new PrivateReplyError('the private reply is not signed')
  if (!isSignedBy(keys.masterKey, data, signature, signing)) throw new PrivateReplyError('the signature of the private reply is wrong')
  return data
}

function parse(signed: Uint8Array, raw: boolean): Value {
  try {
    return decode(signed, { raw })
  } catch (error) {
    throw new PrivateReplyError('the content of the private reply is malformed', { cause: error })
  }
}

/** Makes a private reply, as a master does. */
export function sealPrivateReply(
  value: Value, member: string, nonce: string, keys: { minionKey: KeyObject; masterKey: KeyObject; algorithms: Algorithms },
): Buffer {
  const keyText = generateKeyText()
  const key = encryptFor(keys.minionKey, Buffer.from(keyText), keys.algorithms.encryption)
  const data = encode({ key, [member]: value, nonce })
  const sig = signWith(keys.masterKey, data, keys.algorithms.signing)
  return encode({ key, [member]: createCrypticle(keyText).seal({ data, sig }) })
}
