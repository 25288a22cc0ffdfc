import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeAtomically } from './atomic-file.ts'
import { cleanKey } from '../wire/pem.ts'

/** The master's public key that this minion trusts. */
export interface PinnedMasterKey {
  /** Where it is kept, for messages. */
  readonly path: string
  /** The pinned key, PEM in clean form; undefined when none is pinned. @throws when the file is there and cannot be read. */
  read(): string | undefined
  /** Pins a key, durably. Only what was verified may come here. */
  pin(pem: string): void
}

/** The pinned key in `minion_master.pub` of the pki directory, where Salt keeps it too. */
export function createPinnedMasterKey(pkiDir: string): PinnedMasterKey {
  const path = join(pkiDir, 'minion_master.pub')
  return {
    path,
    read: () => readPem(path),
    pin: (pem) => writeAtomically(path, cleanKey(pem), 0o644),
  }
}

/**
 * The key that signs master keys, `<master_sign_key_name>.pub` in the pki directory; undefined when there is none.
 *
 * @throws Error when `name` is not a plain file name.
 */
export function readMasterSigningKey(pkiDir: string, name: string): string | undefined {
  if (!/^[\w.-]+$/.test(name)) throw new Error(`master_sign_key_name is not a file name: ${name}`)
  return readPem(join(pkiDir, `${name}.pub`))
}

function readPem(path: string): string | undefined {
  try {
    return cleanKey(readFileSync(path, 'utf8'))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
