import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { syncDirectory } from './database.ts'
import { REASON } from './gaps.ts'
import type { Ledger } from './books.ts'
import type { Session } from './session.ts'
import type { StorePaths } from './settings.ts'

/** Damaged stores kept for a person to look at; older ones make room. */
const maxSetAside = 3

/** What a destination nobody can name any more is called in the gap record. */
export const unknownDestination = '(unknown)'

const setAsideName = /^outbox-damaged-.*\.db$/

/**
 * Moves a damaged store aside, whole: database and WAL under a dated name that SQLite still takes for a pair. Its
 * connection must be closed and the lock held. Returns the new path.
 */
export function setAside(paths: StorePaths, wallMs: number): string {
  const stamp = new Date(wallMs).toISOString().replaceAll(/[-:.]/g, '')
  const target = join(paths.directory, `outbox-damaged-${stamp}.db`)
  if (existsSync(target)) return setAside(paths, wallMs + 1)
  // The WAL goes first: cut off in between, the database is still at its place and is set aside at the next start.
  if (existsSync(paths.wal)) renameSync(paths.wal, `${target}-wal`)
  if (existsSync(paths.database)) renameSync(paths.database, target)
  // Never this one, even where the clock was set back and it looks the oldest.
  const others = readdirSync(paths.directory).filter((name) => setAsideName.test(name) && name !== basename(target))
  for (const name of others.toSorted().slice(0, 1 - maxSetAside)) {
    for (const suffix of ['', '-wal']) rmSync(join(paths.directory, name + suffix), { force: true })
  }
  syncDirectory(paths.directory)
  return target
}

/**
 * Carries the books of a store that was set aside into its fresh successor: what was queued or dead there is lost, with a
 * gap record. `ledgers` is what could be read of the old books; undefined when nothing could.
 */
export function countLoss(session: Session, ledgers: readonly Ledger[] | undefined): void {
  const { books, gaps } = session
  if (ledgers === undefined) return gaps.add(unknownDestination, REASON.store, undefined, 0)
  for (const old of ledgers) {
    const ledger = books.open({ name: old.name, kind: old.kind, spec: old.spec })
    const { accepted, delivered, dropped, purged, newest, uptime } = old
    const gone = old.queued + old.dead
    Object.assign(ledger, { accepted, delivered, dropped, purged, newest, uptime, lost: old.lost + gone })
    books.fail(ledger, 'the store was damaged')
    if (gone > 0) gaps.add(old.name, REASON.store, undefined, gone)
  }
}
