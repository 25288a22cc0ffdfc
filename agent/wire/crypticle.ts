/**
 * Salt's symmetric encryption (crypt.py `Crypticle`): AES-192-CBC under an HMAC-SHA256 over IV and ciphertext.
 *
 * Plaintext is `pickle::`, in replies followed by the 32 characters of the request's nonce, then msgpack. (Nothing is pickled:
 * the prefix is all that is left of it.)
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { decode, encode } from './msgpack.ts'
import { get, isObject } from './value.ts'
import type { DecodeLimits } from './msgpack.ts'
import type { Value } from './value.ts'

const AES_BYTES = 24
const HMAC_BYTES = 32
const BLOCK = 16
const PREFIX = Buffer.from('pickle::')

/** Length of a nonce: a uuid4 in hex. */
export const NONCE_LENGTH = 32

/**
 * Why something could not be opened. `KEY`: not made with this key (or damaged); the other side's key has probably changed.
 * `NONCE`: an answer to another question. `FORM`: made with this key, but not what it should be.
 */
export class CrypticleError extends Error {
  readonly code: 'KEY' | 'NONCE' | 'FORM'
  override name = 'CrypticleError'
  constructor(code: 'KEY' | 'NONCE' | 'FORM', message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export interface OpenOptions extends DecodeLimits {
  /** The request's nonce, which must come first in the reply's plaintext. */
  nonce?: string
}

/** Seals and opens with one key. */
export interface Crypticle {
  /** The key as the handshake carries it. */
  readonly keyText: string
  /** Encrypts a value; with `nonce` it is a reply to the request of that nonce. */
  seal(value: unknown, nonce?: string): Buffer
  /** @throws CrypticleError */
  open(sealed: Uint8Array, options?: OpenOptions): Value
}

/** A new key as text: base64 of 24 bytes AES key and 32 bytes HMAC key (76 characters). */
export function generateKeyText(): string {
  return randomBytes(AES_BYTES + HMAC_BYTES).toString('base64')
}

/**
 * Makes the cipher of one key. `randomIv` is for golden vectors only.
 *
 * @throws CrypticleError `FORM` when the text is not a key.
 */
export function createCrypticle(keyText: string, randomIv: () => Buffer = () => randomBytes(BLOCK)): Crypticle {
  const key = Buffer.from(keyText, 'base64')
  if (key.length !== AES_BYTES + HMAC_BYTES) throw new CrypticleError('FORM', 'the session key has a wrong length')
  const aesKey = key.subarray(0, AES_BYTES)
  const hmacKey = key.subarray(AES_BYTES)
  const mac = (bytes: Uint8Array): Buffer => createHmac('sha256', hmacKey).update(bytes).digest()

  return {
    keyText,
    seal(value, nonce = '') {
      const iv = randomIv()
      const cipher = createCipheriv('aes-192-cbc', aesKey, iv)
      const plain = Buffer.concat([PREFIX, Buffer.from(nonce), encode(value)])
      const body = Buffer.concat([iv, cipher.update(plain), cipher.final()])
      return Buffer.concat([body, mac(body)])
    },
    open(sealed, { nonce, ...limits } = {}) {
      const body = sealed.subarray(0, -HMAC_BYTES)
      const blocks = body.length / BLOCK
      if (!Number.isInteger(blocks) || blocks < 2 || !timingSafeEqual(mac(body), sealed.subarray(-HMAC_BYTES))) {
        throw new CrypticleError('KEY', 'the message was not made with our session key')
      }
      return unwrap(decrypt(aesKey, body), nonce, limits)
    },
  }
}

function decrypt(aesKey: Buffer, body: Uint8Array): Buffer {
  const decipher = createDecipheriv('aes-192-cbc', aesKey, body.subarray(0, BLOCK))
  try {
    return Buffer.concat([decipher.update(body.subarray(BLOCK)), decipher.final()])
  } catch (error) {
    throw new CrypticleError('FORM', 'the padding of a message is wrong', { cause: error })
  }
}

function unwrap(plain: Buffer, nonce: string | undefined, limits: DecodeLimits): Value {
  if (!plain.subarray(0, PREFIX.length).equals(PREFIX)) throw new CrypticleError('FORM', 'a message lacks its prefix')
  let start = PREFIX.length
  if (nonce !== undefined) {
    start += NONCE_LENGTH
    if (plain.subarray(PREFIX.length, start).toString('latin1') !== nonce) {
      throw new CrypticleError('NONCE', 'a reply carries the nonce of another request')
    }
  }
  try {
    return decode(plain.subarray(start), limits)
  } catch (error) {
    throw new CrypticleError('FORM', 'the content of a message is malformed', { cause: error })
  }
}

/** Refuses publications that were seen before. One guard per shared key: a new key starts its own count. */
export interface ReplayGuard {
  /**
   * Whether a decrypted publication is newer than all before it. `serial` is removed from it either way. One without a
   * serial passes: a clustered master sends none.
   */
  admit(load: Value): boolean
}

/** Makes the guard of one shared key (crypt.py, `Crypticle.loads`: the serial must exceed the last one seen). */
export function createReplayGuard(): ReplayGuard {
  let last: number | bigint = 0
  return {
    admit(load) {
      const serial = get(load, 'serial')
      if (serial === undefined) return true
      if (isObject(load)) delete load['serial']
      if ((typeof serial !== 'number' && typeof serial !== 'bigint') || serial <= last) return false
      last = serial
      return true
    },
  }
}
