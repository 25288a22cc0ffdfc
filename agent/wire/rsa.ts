/**
 * The RSA operations of Salt's handshake. Algorithm names are Salt's (`encryption_algorithm`, `signing_algorithm`).
 * SHA-1 is Salt's default and not ours to change: both sides must agree.
 */
import {
  constants, createPrivateKey, createPublicKey, privateDecrypt, privateEncrypt, publicDecrypt, publicEncrypt, sign, timingSafeEqual, verify,
} from 'node:crypto'
import type { KeyObject } from 'node:crypto'

const ENCRYPTION_HASHES = { 'OAEP-SHA1': 'sha1', 'OAEP-SHA224': 'sha224' } as const
const SIGNING_HASHES = { 'PKCS1v15-SHA1': 'RSA-SHA1', 'PKCS1v15-SHA224': 'RSA-SHA224' } as const

export type EncryptionAlgorithm = keyof typeof ENCRYPTION_HASHES
export type SigningAlgorithm = keyof typeof SIGNING_HASHES

/** The pair a minion asks for in its handshake. */
export interface Algorithms {
  encryption: EncryptionAlgorithm
  signing: SigningAlgorithm
}

/** Salt's defaults. */
export const DEFAULT_ALGORITHMS: Algorithms = { encryption: 'OAEP-SHA1', signing: 'PKCS1v15-SHA1' }

/** Smallest and largest modulus taken from a peer, bits: below is no protection, above is only there to keep us busy. */
const MODULUS_BITS = { min: 1024, max: 16_384 }

/** True for an algorithm name we can verify. */
export function isSigningAlgorithm(name: unknown): name is SigningAlgorithm {
  return typeof name === 'string' && Object.hasOwn(SIGNING_HASHES, name)
}

/** True for an algorithm name we can encrypt and decrypt with. */
export function isEncryptionAlgorithm(name: unknown): name is EncryptionAlgorithm {
  return typeof name === 'string' && Object.hasOwn(ENCRYPTION_HASHES, name)
}

/** Reads an RSA public key from PEM. @throws Error that says what is wrong with it. */
export function readPublicKey(pem: string): KeyObject {
  return expectRsa(createPublicKey({ key: pem, format: 'pem' }))
}

/** Reads an RSA private key, PKCS#1 or PKCS#8, from PEM. @throws Error that says what is wrong with it. */
export function readPrivateKey(pem: string): KeyObject {
  return expectRsa(createPrivateKey({ key: pem, format: 'pem' }))
}

function expectRsa(key: KeyObject): KeyObject {
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0
  if (key.asymmetricKeyType !== 'rsa') throw new Error(`the key is ${key.asymmetricKeyType ?? 'unknown'}, not RSA`)
  if (bits < MODULUS_BITS.min || bits > MODULUS_BITS.max) {
    throw new Error(`the key has ${bits} bits; ${MODULUS_BITS.min} to ${MODULUS_BITS.max} are accepted`)
  }
  return key
}

/** RSA-OAEP encryption for the owner of `key`. */
export function encryptFor(key: KeyObject, data: Uint8Array, algorithm: EncryptionAlgorithm): Buffer {
  return publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: ENCRYPTION_HASHES[algorithm] }, data)
}

/** RSA-OAEP decryption with our own key. @throws Error when the data was not encrypted for it, or with another algorithm. */
export function decryptWith(key: KeyObject, data: Uint8Array, algorithm: EncryptionAlgorithm): Buffer {
  return privateDecrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: ENCRYPTION_HASHES[algorithm] }, data)
}

/** PKCS#1 v1.5 signature. */
export function signWith(key: KeyObject, data: Uint8Array, algorithm: SigningAlgorithm): Buffer {
  return sign(SIGNING_HASHES[algorithm], data, key)
}

/** Whether a PKCS#1 v1.5 signature is good. Never throws. */
export function isSignedBy(key: KeyObject, data: Uint8Array, signature: Uint8Array, algorithm: SigningAlgorithm): boolean {
  try {
    return verify(SIGNING_HASHES[algorithm], data, key, signature)
  } catch {
    return false
  }
}

/**
 * X9.31 signature without a digest, as Salt uses it for `tok` and for the handshake's `sig` (utils/rsax931.py): the private
 * operation on `6B BB…BB BA data CC`, of which the smaller of s and n − s is taken. Deterministic.
 *
 * OpenSSL 3 refuses the padding by name, so it is laid here and the raw operation used. Verified against libcrypto's by vectors.
 */
export function x931Sign(key: KeyObject, data: Uint8Array): Buffer {
  const { modulus, width } = modulusOf(key)
  const fill = width - data.length - 3
  if (fill < 0) throw new Error('too much data for an X9.31 signature with this key')
  const block = Buffer.concat([Buffer.from([0x6b]), Buffer.alloc(fill, 0xbb), Buffer.from([0xba]), data, Buffer.from([0xcc])])
  const signature = toBigint(privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, block))
  return toBytes(signature < modulus - signature ? signature : modulus - signature, width)
}

/** Whether an X9.31 signature over exactly `data` is good. Never throws. */
export function isX931SignedBy(key: KeyObject, data: Uint8Array, signature: Uint8Array): boolean {
  try {
    const { modulus, width } = modulusOf(key)
    const fill = width - data.length - 3
    if (signature.length !== width || fill < 0) return false
    const opened = toBigint(publicDecrypt({ key, padding: constants.RSA_NO_PADDING }, signature))
    const block = toBytes((opened & 0xfn) === 0xcn ? opened : modulus - opened, width)
    const wanted = Buffer.concat([Buffer.from([0x6b]), Buffer.alloc(fill, 0xbb), Buffer.from([0xba]), data, Buffer.from([0xcc])])
    return timingSafeEqual(block, wanted)
  } catch {
    return false
  }
}

function modulusOf(key: KeyObject): { modulus: bigint; width: number } {
  const bytes = Buffer.from(key.export({ format: 'jwk' }).n ?? '', 'base64url')
  return { modulus: toBigint(bytes), width: bytes.length }
}

function toBigint(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex') || '0'}`)
}

function toBytes(value: bigint, width: number): Buffer {
  return Buffer.from(value.toString(16).padStart(width * 2, '0'), 'hex')
}
