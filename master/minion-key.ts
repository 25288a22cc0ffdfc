import type { KeyObject } from 'node:crypto'
import { cleanKey } from '../agent/wire/pem.ts'
import { type EncryptionAlgorithm, encryptFor, isX931SignedBy, readPublicKey } from '../agent/wire/rsa.ts'
import type { Value } from '../agent/wire/value.ts'

/** A minion's public key in use. */
export interface MinionKey {
  readonly pem: string
  /** Encrypts for the minion alone. */
  encrypt(data: Uint8Array, algorithm: EncryptionAlgorithm): Buffer
  /** Whether `tok` is the token that only the owner of this key can make. The same one every time, so a good one is remembered. */
  isToken(tok: Value | undefined): boolean
}

/** What the token signs (crypt.py, `gen_token`). */
const tokenText = Buffer.from('salt')

/** Reads a minion's key from PEM; null when it is none that can be used. */
export function readMinionKey(pem: string): MinionKey | null {
  let key: KeyObject
  try {
    key = readPublicKey(pem)
  } catch {
    return null
  }
  let good: Buffer | undefined
  return {
    pem,
    encrypt: (data, algorithm) => encryptFor(key, data, algorithm),
    isToken(tok) {
      const token = bytesOf(tok)
      if (good?.equals(token)) return true
      if (!isX931SignedBy(key, tokenText, token)) return false
      good = token
      return true
    },
  }
}

/** Whether two PEM texts are the same key as Salt compares them: line ends and blanks around do not count. */
export function sameKey(a: string, b: string): boolean {
  return cleanKey(a) === cleanKey(b)
}

/** Bytes of a value that may have been decoded to text because it happened to be UTF-8. */
export function bytesOf(value: Value | undefined): Buffer {
  if (value instanceof Uint8Array) return Buffer.from(value)
  return typeof value === 'string' ? Buffer.from(value) : Buffer.alloc(0)
}
