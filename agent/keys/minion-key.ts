import { createPublicKey, generateKeyPair } from 'node:crypto'
import { chmodSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { writeAtomically } from './atomic-file.ts'
import { cleanKey, pemFingerprint } from '../wire/pem.ts'
import { readPrivateKey } from '../wire/rsa.ts'
import type { KeyObject } from 'node:crypto'

/** The minion's own key pair. */
export interface MinionKey {
  privateKey: KeyObject
  /** PEM in Salt's clean form: what the handshake sends. */
  publicPem: string
  /** SHA-256 fingerprint as `salt-key -f` prints it. */
  fingerprint: string
}

export interface MinionKeySettings {
  /** Salt's `pki_dir`. */
  pkiDir: string
  /** Salt's `keysize`, bits; for a key that is made now. */
  keySize: number
}

const FILES = { privateKey: 'minion.pem', publicKey: 'minion.pub' } as const

/**
 * Reads `minion.pem` (PKCS#1 as Salt writes it, or PKCS#8) from the pki directory; at the first start it makes the pair.
 * The private file is 0400; `minion.pub` is rewritten when it does not belong to it.
 *
 * @throws Error naming the file when it is there and unusable: a new key would have to be accepted anew, so none is made in its place.
 */
export async function loadMinionKey(settings: MinionKeySettings): Promise<MinionKey> {
  const path = join(settings.pkiDir, FILES.privateKey)
  const found = readText(path)
  if (found === undefined) await generate(path, settings.keySize)
  else tighten(path)
  const privateKey = parse(path, found ?? readFileSync(path, 'utf8'))
  const publicPem = cleanKey(createPublicKey(privateKey).export({ format: 'pem', type: 'spki' }).toString())
  writePublicKey(join(settings.pkiDir, FILES.publicKey), publicPem)
  return { privateKey, publicPem, fingerprint: pemFingerprint(publicPem) }
}

async function generate(path: string, keySize: number): Promise<void> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: keySize, publicExponent: 65_537 })
  writeAtomically(path, privateKey.export({ format: 'pem', type: 'pkcs1' }).toString(), 0o400)
}

function parse(path: string, pem: string): KeyObject {
  try {
    return readPrivateKey(pem)
  } catch (error) {
    throw new Error(`the minion's key ${path} cannot be used: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

/** A private key that others can read is no longer private: closed at every start. */
function tighten(path: string): void {
  if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o400)
}

function writePublicKey(path: string, publicPem: string): void {
  const found = readText(path)
  if (found === undefined || cleanKey(found) !== publicPem) writeAtomically(path, `${publicPem}\n`, 0o644)
}

/** The text of a file; undefined when there is none. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
