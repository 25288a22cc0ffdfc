import { existsSync } from 'node:fs'
import { closeQuietly, openDatabase } from './database.ts'
import { takeLock } from './lock.ts'
import { storePaths } from './settings.ts'

/**
 * Reads every page of a store that no process has, under its lock for so long.
 *
 * @returns `none` when there is no store, `ok`, or what is wrong with it
 * @throws OutboxLockedError when a process has it, OutboxRefusedError, or SQLite's error when it cannot be opened at all
 */
export function checkStore(directory: string): 'none' | 'ok' | { fault: string } {
  const paths = storePaths(directory)
  if (!existsSync(paths.database)) return 'none'
  const lock = takeLock(directory, { waitMs: 0 })
  try {
    const database = openDatabase(paths.database)
    try {
      const verdict = String(database.pragma('quick_check(1)', { simple: true }))
      return verdict === 'ok' ? 'ok' : { fault: verdict }
    } finally {
      closeQuietly(database)
    }
  } finally {
    lock.release()
  }
}
