import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cleanKey } from '../agent/wire/pem.ts'
import { type EncryptionAlgorithm, type SigningAlgorithm, decryptWith, readPrivateKey, signWith, x931Sign } from '../agent/wire/rsa.ts'
import type { Value } from '../agent/wire/value.ts'
import { writeWhole } from './keys.ts'
import { bytesOf } from './minion-key.ts'

/** The master's own key pair. */
export interface MasterKey {
  /** The public key as it is sent, without a line end. */
  readonly publicPem: string
  sign(data: Uint8Array, algorithm: SigningAlgorithm): Buffer
  /** X9.31 over the hex SHA-256 of the shared key string: the `sig` of a successful authentication. */
  signSharedKey(sharedKey: string): Buffer
  /** What was encrypted for this master; null when it was not. */
  decrypt(data: Value, algorithm: EncryptionAlgorithm): Buffer | null
}

/** Reads `master.pem` of the pki directory, or makes the pair (`master.pem` 0400, `master.pub`) when there is none. */
export function openMasterKey(pkiDir: string, keysize: number): MasterKey {
  const privateFile = join(pkiDir, 'master.pem')
  mkdirSync(pkiDir, { recursive: true, mode: 0o700 })
  if (!existsSync(privateFile)) {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: keysize, publicExponent: 0x10001 })
    writeWhole(privateFile, privateKey.export({ type: 'pkcs1', format: 'pem' }), 0o400)
  }
  const key = readPrivateKey(readFileSync(privateFile, 'utf8'))
  const publicPem = String(createPublicKey(key).export({ type: 'spki', format: 'pem' }))
  const publicFile = join(pkiDir, 'master.pub')
  if (!existsSync(publicFile)) writeWhole(publicFile, publicPem, 0o644)
  return {
    publicPem: cleanKey(publicPem),
    sign: (data, algorithm) => signWith(key, data, algorithm),
    signSharedKey: (sharedKey) => x931Sign(key, Buffer.from(createHash('sha256').update(sharedKey).digest('hex'))),
    decrypt(data, algorithm) {
      try {
        return decryptWith(key, bytesOf(data), algorithm)
      } catch {
        return null
      }
    },
  }
}
