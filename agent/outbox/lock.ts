import { chmodSync, closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import Database from 'better-sqlite3'
import { OutboxLockedError, codeOf } from './faults.ts'
import { storePaths } from './settings.ts'

/**
 * The store belongs to one process. The lock is the operating system's record lock on an empty file, taken by an
 * exclusive transaction that is never committed, so that the kernel frees it whatever ends the process. It is apart from
 * the database because it must outlive the connection: a damaged file is replaced, and a connection that saw an I/O
 * error is thrown away, while no other process may come between.
 *
 * Nobody may open the lock file by other means: closing any descriptor of it would free the lock. That is why the
 * holder's process id is in a file of its own, which is read only when the lock was refused.
 */
export interface StoreLock {
  release(): void
}

/** A look at the lock (a command finding out whether the agent runs) holds it for a moment; wait that out. */
const defaultWaitMs = 500

/**
 * Takes the lock of a store's directory, which must exist.
 * @throws OutboxLockedError when another process, or another part of this one, has it.
 */
export function takeLock(directory: string, options: { waitMs?: number } = {}): StoreLock {
  const paths = storePaths(directory)
  closeIfNew(paths.lock)
  const database = new Database(paths.lock, { timeout: options.waitMs ?? defaultWaitMs })
  try {
    database.pragma('journal_mode = MEMORY')
    database.exec('BEGIN EXCLUSIVE')
    writeFileSync(paths.pid, `${process.pid}\n`, { mode: 0o600 })
  } catch (error) {
    database.close()
    if (codeOf(error).startsWith('SQLITE_BUSY')) throw new OutboxLockedError(directory, readPid(paths.pid))
    throw error
  }
  return { release: () => database.close() }
}

/** Who has the store: the holder's process id, null when it cannot be told, undefined when nobody has it. */
export function lockHolder(directory: string): number | null | undefined {
  try {
    takeLock(directory, { waitMs: 0 }).release()
    return undefined
  } catch (error) {
    if (error instanceof OutboxLockedError) return error.pid
    throw error
  }
}

/** Makes the file with its mode before SQLite does. An existing file is not opened: see above. */
function closeIfNew(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    chmodSync(path, 0o600)
  }
}

function readPid(path: string): number | null {
  try {
    const pid = Number(readFileSync(path, 'utf8').trim())
    return Number.isSafeInteger(pid) && pid > 0 ? pid : null
  } catch {
    return null
  }
}
