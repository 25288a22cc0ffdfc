import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { DamagedStoreError, OutboxRefusedError, codeOf, faultOf, reasonOf } from './faults.ts'
import { identify, migrate } from './schema.ts'

/** A lone commit writes whole pages, and most commits are lone: docs/decisions/0004-store-pages-and-wal.md has the numbers. */
export const pageSize = 4096

/** SQLite copies the WAL into the database after a commit that leaves it at least this long, in pages. */
const checkpointPages = 1000

/** After a checkpoint the WAL file keeps at most this. */
export const walBytes = checkpointPages * pageSize

/** Pages in memory, in KiB: the working set of a store is its ends, not its middle. */
const cacheKiB = 4096

/** The first SQLite without the WAL-reset bug. */
const oldestVersion = [3, 51, 3] as const

/** What the open connection says of itself. */
export interface ConnectionFacts {
  version: string
  journalMode: unknown
  /** 2 is FULL. */
  synchronous: unknown
  lockingMode: unknown
  /** 2 is INCREMENTAL. */
  autoVacuum: unknown
}

/** Asks the connection what is in force. */
export function readFacts(database: Database.Database): ConnectionFacts {
  return {
    version: String(database.prepare('SELECT sqlite_version()').pluck().get()),
    journalMode: database.pragma('journal_mode', { simple: true }),
    synchronous: database.pragma('synchronous', { simple: true }),
    lockingMode: database.pragma('locking_mode', { simple: true }),
    autoVacuum: database.pragma('auto_vacuum', { simple: true }),
  }
}

/**
 * Compares what is in force with what the promises need.
 * @throws OutboxRefusedError naming the first difference; DamagedStoreError when the file itself is not as ours are.
 */
export function checkFacts(facts: ConnectionFacts): void {
  if (!isAtLeast(facts.version, oldestVersion)) {
    throw new OutboxRefusedError(
      `SQLite ${facts.version} can lose commits when its WAL is reset; at least ${oldestVersion.join('.')} is needed`,
    )
  }
  const expected = [
    ['journal_mode', facts.journalMode, 'wal'],
    ['synchronous', facts.synchronous, 2],
    ['locking_mode', facts.lockingMode, 'exclusive'],
  ] as const
  for (const [pragma, is, asked] of expected) {
    if (is !== asked) {
      throw new OutboxRefusedError(`SQLite has ${pragma} ${String(is)} where ${asked} was asked; is the file system fit for a database?`)
    }
  }
  // That one is in the file's header since its first byte: no file of ours has another.
  if (facts.autoVacuum !== 2) throw new DamagedStoreError(`the file has auto_vacuum ${String(facts.autoVacuum)}, not 2`)
}

/**
 * Makes the store's directory, 0700. An existing one is tightened.
 * @throws OutboxRefusedError when that is not allowed; the error of the disk when it cannot be written now.
 */
export function prepareDirectory(directory: string): void {
  try {
    const made = mkdirSync(directory, { recursive: true, mode: 0o700 })
    chmodSync(directory, 0o700)
    if (made !== undefined) syncUpTo(directory, dirname(made))
  } catch (error) {
    if (faultOf(error) === 'unavailable') throw error
    throw new OutboxRefusedError(`${directory} cannot be made a private directory: ${reasonOf(error)}`, { cause: error })
  }
}

/**
 * Opens the database, 0600, makes or migrates its tables, and reads back what is in force. The directory must exist and
 * its lock be held.
 * @throws OutboxRefusedError, DamagedStoreError or SQLite's error; the connection is closed then.
 */
export function openDatabase(path: string, read: typeof readFacts = readFacts): Database.Database {
  closeSync(openSync(path, 'a', 0o600))
  chmodSync(path, 0o600)
  const database = new Database(path, { timeout: 0 })
  try {
    // The order matters: locking before the first access, page size and auto_vacuum before the first write.
    database.pragma('locking_mode = EXCLUSIVE')
    const version = identify(database)
    if (version === 0) {
      database.pragma(`page_size = ${pageSize}`)
      database.pragma('auto_vacuum = INCREMENTAL')
    }
    database.pragma('journal_mode = WAL')
    database.pragma('synchronous = FULL')
    database.pragma(`wal_autocheckpoint = ${checkpointPages}`)
    database.pragma(`journal_size_limit = ${walBytes}`)
    database.pragma(`cache_size = -${cacheKiB}`)
    database.pragma('temp_store = MEMORY')
    database.pragma('cell_size_check = ON')
    database.pragma('trusted_schema = OFF')
    checkFacts(read(database))
    migrate(database, version)
    syncDirectory(dirname(path))
    return database
  } catch (error) {
    closeQuietly(database)
    throw error
  }
}

/** Closes a connection that may be past closing. */
export function closeQuietly(database: Database.Database): void {
  try {
    database.close()
  } catch (error) {
    // Nothing is left to do with it: what it could not write was never acknowledged.
    if (codeOf(error) === '') throw error
  }
}

/** Makes new and renamed entries of a directory durable. */
export function syncDirectory(path: string): void {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function syncUpTo(path: string, ancestor: string): void {
  syncDirectory(path)
  if (path !== ancestor && path !== dirname(path)) syncUpTo(dirname(path), ancestor)
}

function isAtLeast(version: string, oldest: readonly number[]): boolean {
  const parts = version.split('.').map(Number)
  for (const [index, least] of oldest.entries()) {
    const part = parts[index] ?? 0
    if (part !== least) return part > least
  }
  return true
}
