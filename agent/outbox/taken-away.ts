/**
 * A store whose files are removed or replaced under its open connection. SQLite goes on as if nothing had happened, in
 * files that have no name any more: what it commits there ends with the process.
 */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import type { Database } from 'better-sqlite3'
import { setAside } from './damage.ts'
import { closeQuietly, syncDirectory } from './database.ts'
import type { StorePaths } from './settings.ts'

/** Which files stand at the store's paths: device and inode; empty where there is none. */
export interface StoreFiles {
  database: string
  wal: string
  lock: string
}

/** Looks which files stand at the paths now. */
export function lookAtFiles(paths: StorePaths): StoreFiles {
  return { database: identityOf(paths.database), wal: identityOf(paths.wal), lock: identityOf(paths.lock) }
}

/** True when they are still those that were opened. */
export function areThere(opened: StoreFiles, now: StoreFiles): boolean {
  return opened.database === now.database && opened.wal === now.wal && opened.lock === now.lock
}

/**
 * Writes all that the open connection holds to the store's path, durably, and closes it. Another's file that stands there
 * is set aside. The directory must exist and its lock be held.
 * @throws the error of SQLite or of the disk; the connection is open still, unless it was the renaming that failed.
 */
export function writeAnew(database: Database, paths: StorePaths, opened: StoreFiles, wallMs: number): void {
  const part = `${paths.database}.part`
  rmSync(part, { force: true })
  database.prepare('VACUUM INTO ?').run(part)
  syncFile(part)
  const inTheWay = identityOf(paths.database)
  if (inTheWay !== '' && inTheWay !== opened.database) setAside(paths, wallMs)
  // Closing removes the WAL by its name, so that nothing of the old store can be taken for the new one's.
  closeQuietly(database)
  rmSync(paths.wal, { force: true })
  renameSync(part, paths.database)
  syncDirectory(paths.directory)
}

function identityOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false })
  return found === undefined ? '' : `${found.dev}:${found.ino}`
}

function syncFile(path: string): void {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
