import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeAtomically } from './atomic-file.ts'
import { cleanKey } from '../wire/pem.ts'

/** The public key of one master that this minion trusts. */
export interface PinnedMasterKey {
  /** Where it is kept, for messages. */
  readonly path: string
  /** The pinned key, PEM in clean form; undefined when none is pinned. @throws when the file is there and cannot be read. */
  read(): string | undefined
  /** Pins a key, durably. Only what was verified may come here. */
  pin(pem: string): void
}

/** Salt's one file for the key of all masters (crypt.py, `mpub`). */
const SHARED_FILE = 'minion_master.pub'

/** Below the pki directory: a file for each of several masters. */
export const OWN_KEYS = 'masters'

/** The pinned key of a minion's only master in `minion_master.pub` of the pki directory, where Salt keeps it too. */
export function createPinnedMasterKey(pkiDir: string): PinnedMasterKey {
  const path = join(pkiDir, SHARED_FILE)
  return {
    path,
    read: () => readPem(path),
    pin: (pem) => writeAtomically(path, cleanKey(pem), 0o644),
  }
}

/**
 * The pinned key of one of several masters: its own file `masters/<master>.pub` in the pki directory. While there is none, Salt's
 * `minion_master.pub` holds for it, since for stock minions it is the key of every master. Where neither is there, the master's first
 * key is taken, as ssh takes each host's.
 *
 * @param master as it is configured: its key belongs to this name
 */
export function createOwnMasterKey(pkiDir: string, master: string): PinnedMasterKey {
  const own = join(pkiDir, OWN_KEYS, `${fileNameOf(master)}.pub`)
  const shared = join(pkiDir, SHARED_FILE)
  return {
    get path() {
      return readPem(own) === undefined && readPem(shared) !== undefined ? shared : own
    },
    read: () => readPem(own) ?? readPem(shared),
    pin: (pem) => writeAtomically(own, cleanKey(pem), 0o644),
  }
}

/** Each configured master with its pinned key: one file for an only one, a file each for several. */
export function pinnedMasterKeys(pkiDir: string, masters: readonly string[]): { master: string; pinned: PinnedMasterKey }[] {
  return masters.map((master) => ({ master, pinned: masters.length === 1 ? createPinnedMasterKey(pkiDir) : createOwnMasterKey(pkiDir, master) }))
}

/** A name that any file system takes, and only this master has. */
function fileNameOf(master: string): string {
  const name = encodeURIComponent(master.toLowerCase()).replaceAll('*', '%2A')
  return name.length <= 200 && !name.startsWith('.') ? name : createHash('sha256').update(master.toLowerCase()).digest('hex')
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
