/**
 * The minions' public keys, in the directories Salt uses: what lies where is the whole state, so `salt-key`, a file
 * manager and this master agree on it.
 */
import { chmodSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** In the order in which `key list` shows them. */
export const keyStates = ['accepted', 'denied', 'pending', 'rejected'] as const
export type KeyState = (typeof keyStates)[number]

const directories: Record<KeyState, string> = {
  accepted: 'minions',
  pending: 'minions_pre',
  rejected: 'minions_rejected',
  denied: 'minions_denied',
}

export interface KeyStore {
  /** Ids of one state, sorted. */
  list(state: KeyState): string[]
  /** The key as PEM text, null when there is none in that state. */
  read(id: string, state: KeyState): string | null
  /** Writes a key under a state, without touching other states. */
  write(id: string, state: KeyState, pem: string): void
  /** Moves a key between states; false when there was none in `from`. What was accepted, pending or rejected under the id before goes. */
  move(id: string, from: KeyState, to: KeyState): boolean
  /** Removes a key from these states; the states it was in. */
  remove(id: string, from?: readonly KeyState[]): KeyState[]
}

/**
 * True for an id that can be a file name: 1 to 200 bytes, no slash, backslash or control character, no leading dot
 * (which Salt's listing skips). Salt's own `valid_id` forbids slashes and what leaves the directory.
 */
export function isValidId(id: unknown): id is string {
  if (typeof id !== 'string' || id === '' || id.startsWith('.')) return false
  return !/[/\\\p{Cc}]/u.test(id) && Buffer.byteLength(id) <= 200
}

/** Opens the key directories under `pkiDir`, made 0700 when missing. Methods throw on an id that is no valid one. */
export function openKeyStore(pkiDir: string): KeyStore {
  mkdirSync(pkiDir, { recursive: true, mode: 0o700 })
  for (const directory of Object.values(directories)) mkdirSync(join(pkiDir, directory), { recursive: true, mode: 0o700 })

  const path = (id: string, state: KeyState) => {
    if (!isValidId(id)) throw new Error(`not a minion id: ${JSON.stringify(id)}`)
    return join(pkiDir, directories[state], id)
  }
  const remove = (id: string, from: readonly KeyState[] = keyStates) =>
    from.filter((state) => isFile(path(id, state)) && removeFile(path(id, state)))

  return {
    list: (state) =>
      readdirSync(join(pkiDir, directories[state]), { withFileTypes: true })
        .filter((entry) => entry.isFile() && isValidId(entry.name))
        .map((entry) => entry.name)
        .toSorted(),
    read: (id, state) => (isFile(path(id, state)) ? readFileSync(path(id, state), 'utf8') : null),
    write: (id, state, pem) => writeWhole(path(id, state), pem, 0o644),
    move(id, from, to) {
      const pem = this.read(id, from)
      if (pem === null) return false
      writeWhole(path(id, to), pem, 0o644)
      remove(id, keyStates.filter((state) => state !== to && (state !== 'denied' || from === 'denied')))
      return true
    },
    remove,
  }
}

/** Writes a file so that a reader sees the old content or the new, never a part. The half-written one starts with a dot. */
export function writeWhole(file: string, content: string | Uint8Array, mode: number): void {
  const temporary = join(file, '..', `.${process.pid}.writing`)
  writeFileSync(temporary, content, { mode })
  chmodSync(temporary, mode)
  renameSync(temporary, file)
}

function isFile(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isFile() ?? false
}

function removeFile(file: string): boolean {
  rmSync(file, { force: true })
  return true
}
