import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import { readLedgers, type Ledger } from './books.ts'
import { countLoss, setAside } from './damage.ts'
import { closeQuietly, openDatabase, prepareDirectory, type readFacts } from './database.ts'
import { DamagedStoreError, OutboxRefusedError, codeOf, faultOf, reasonOf } from './faults.ts'
import { takeLock, type StoreLock } from './lock.ts'
import { StoreUnavailableError, type Gap } from './port.ts'
import { openSession, type Memory, type Session } from './session.ts'
import type { OutboxLimits, StorePaths } from './settings.ts'
import { areThere, lookAtFiles, writeAnew, type StoreFiles } from './taken-away.ts'

/**
 * The store's connection and whether it can be used.
 *
 *   writable ──fault──▶ failing ──probe succeeds──▶ writable
 *       └──────close──────┴──────────close────────▶ closed
 *
 * After any error of the disk or of SQLite itself the connection is thrown away: nothing is assumed written. A probe
 * opens it again, checks every page, copies the WAL into the database with its own fsync (an fsync that failed once may
 * claim success the next time, so no later commit may rest on that WAL) and commits. A damaged file is set aside at
 * once and a fresh one takes its place; one whose files are gone from the directory is written anew before the next change.
 */
export type Mode =
  | { kind: 'writable'; session: Session; files: StoreFiles }
  | { kind: 'failing'; reason: string; attempts: number; cancel: () => void }
  | { kind: 'closed' }

export interface Connection {
  /** The open session. Throws `StoreUnavailableError` when there is none. */
  session: () => Session
  /** The same for a change: what it commits can be found again by another process. */
  sessionForChange: () => Session
  /** Takes the connection out of use because of this error; gives what the caller of the failed operation gets. */
  fault: (error: unknown) => Error
  /** Why the store cannot be written; null when it can. */
  unavailable: () => string | null
  close: () => void
}

export interface ConnectionSettings {
  paths: StorePaths
  limits: OutboxLimits
  dueCapMs: number
  memory: Memory
  clock: Clock
  log: Logger
  /** False for a look at the store: a damaged one is left as it is, and refused. */
  replaceDamaged: boolean
  readFacts?: typeof readFacts
  onAvailability(unavailable: string | null): void
  onGaps(gaps: Gap[]): void
}

/** The first probe comes after this, each later one after twice as long, up to the most. */
const firstProbeMs = 1000
const slowestProbeMs = 30_000

/**
 * Locks and opens the store. A disk that cannot be written now is no reason to refuse: the connection starts failing.
 * @throws OutboxRefusedError with what a person must do.
 */
export function connect(settings: ConnectionSettings): Connection {
  const { paths, clock, log } = settings
  let lock: StoreLock | undefined
  let mode: Mode = { kind: 'closed' }
  /** The probe that brought the store back last. */
  let recovery: { at: number; attempts: number } | undefined

  function setMode(next: Mode): void {
    mode = next
  }

  function open(how: OpenHow): Mode {
    prepareDirectory(paths.directory)
    lock ??= takeLock(paths.directory)
    const session = openOrReplace(settings, how)
    return { kind: 'writable', session, files: lookAtFiles(paths) }
  }

  /** Brings back files that were taken away: the connection has all that was in them. */
  function restore({ session, files }: Mode & { kind: 'writable' }): void {
    log.error({ path: paths.database }, 'the files of the outbox were removed or replaced: they are written anew')
    prepareDirectory(paths.directory)
    if (lookAtFiles(paths).lock !== files.lock) {
      lock?.release()
      lock = undefined
      lock = takeLock(paths.directory)
    }
    try {
      writeAnew(session.database, paths, files, clock.now())
    } catch (error) {
      throw new DamagedStoreError(`its files were removed, and cannot be written anew: ${reasonOf(error)}`, { cause: error })
    }
    setMode(open({ verify: false }))
  }

  function fail(error: unknown, attempts: number): void {
    const delay = Math.min(slowestProbeMs, firstProbeMs * 2 ** attempts)
    const reason = reasonOf(error)
    if (mode.kind !== 'failing') log.error({ reason, path: paths.database }, 'the outbox cannot be written')
    setMode({ kind: 'failing', reason, attempts, cancel: clock.timer(delay, probe) })
  }

  /** A disk that hovers at full goes on being probed more and more rarely: each probe reads every page. */
  function attemptsSoFar(): number {
    return recovery === undefined || clock.monotonic() - recovery.at > slowestProbeMs ? 0 : recovery.attempts + 1
  }

  function probe(): void {
    if (mode.kind !== 'failing') return
    const { attempts } = mode
    try {
      setMode(open({ verify: true }))
    } catch (error) {
      return fail(error, attempts + 1)
    }
    recovery = { at: clock.monotonic(), attempts }
    log.info({ path: paths.database }, 'the outbox can be written again')
    settings.onAvailability(null)
  }

  /** Replaces a damaged store without a pause; false when that was not possible now. */
  function replace(ledgers: Ledger[]): boolean {
    if (!settings.replaceDamaged) return false
    try {
      setMode(open({ verify: true, damaged: ledgers }))
      return true
    } catch (error) {
      fail(error, 0)
      return false
    }
  }

  function fault(error: unknown): Error {
    if (mode.kind !== 'writable') return asUnavailable(error)
    const { session } = mode
    if (faultOf(error) === 'damaged') {
      log.error({ reason: reasonOf(error), path: paths.database }, 'the outbox is damaged')
      const ledgers = committedBooks(session)
      closeQuietly(session.database)
      if (replace(ledgers)) return asUnavailable(error)
      if (!settings.replaceDamaged) fail(error, 0)
    } else {
      closeQuietly(session.database)
      fail(error, attemptsSoFar())
    }
    settings.onAvailability(reasonOf(error))
    return asUnavailable(error)
  }

  try {
    setMode(open({ verify: false }))
  } catch (error) {
    if (faultOf(error) !== 'unavailable') {
      lock?.release()
      throw error
    }
    fail(error, 0)
  }

  function usable(): Session {
    switch (mode.kind) {
      case 'writable': return mode.session
      case 'failing': throw new StoreUnavailableError(mode.reason)
      case 'closed': throw new StoreUnavailableError('it is closed')
      default: return mode satisfies never
    }
  }

  return {
    session: usable,
    sessionForChange() {
      if (mode.kind === 'writable' && !areThere(mode.files, lookAtFiles(paths))) restore(mode)
      return usable()
    },
    fault,
    unavailable: () => (mode.kind === 'writable' ? null : mode.kind === 'failing' ? mode.reason : 'it is closed'),
    close() {
      if (mode.kind === 'failing') mode.cancel()
      if (mode.kind === 'writable') closeQuietly(mode.session.database)
      setMode({ kind: 'closed' })
      lock?.release()
      lock = undefined
    },
  }
}

interface OpenHow {
  /** Checks every page and empties the WAL before anything rests on them. */
  verify: boolean
  /** The file is known to be damaged; what its books said. */
  damaged?: Ledger[]
}

/** Opens the store; a damaged one is set aside, its loss counted, and a fresh one opened. */
function openOrReplace(settings: ConnectionSettings, how: OpenHow): Session {
  if (how.damaged !== undefined) return replaceStore(settings, how.damaged)
  let books: Ledger[] | undefined
  try {
    return openStore(settings, how.verify, (read) => (books = read))
  } catch (error) {
    // A statement that the tables do not fit (SQLITE_ERROR) can only mean that they are not the ones we made.
    if (faultOf(error) !== 'damaged' && codeOf(error) !== 'SQLITE_ERROR') throw error
    if (!settings.replaceDamaged) {
      throw new OutboxRefusedError(
        `${settings.paths.database} is damaged (${reasonOf(error)}). Start the minion: it sets the file aside, keeps it, and goes on with a fresh one`,
        { cause: error },
      )
    }
    settings.log.error({ reason: reasonOf(error), path: settings.paths.database }, 'the outbox is damaged')
    return replaceStore(settings, books)
  }
}

function openStore(settings: ConnectionSettings, verify: boolean, salvaged: (books: Ledger[]) => void): Session {
  const database = openDatabase(settings.paths.database, settings.readFacts)
  try {
    salvaged(readLedgers(database))
    if (verify) {
      const verdict = String(database.pragma('quick_check(1)', { simple: true }))
      if (verdict !== 'ok') throw new DamagedStoreError(verdict)
      database.pragma('wal_checkpoint(TRUNCATE)')
    }
    return openSession(database, settings.memory, settings.limits, settings.dueCapMs)
  } catch (error) {
    closeQuietly(database)
    throw error
  }
}

function replaceStore(settings: ConnectionSettings, ledgers: Ledger[] | undefined): Session {
  const { paths, memory, clock, log } = settings
  const keptAs = setAside(paths, clock.now())
  log.error({ keptAs }, 'the damaged outbox was set aside; a fresh one takes its place')
  memory.claims.clear()
  const session = openStore(settings, false, () => {})
  session.transaction.begin(0)
  countLoss(session, ledgers)
  settings.onGaps(session.transaction.commit())
  return session
}

/** The books as last committed, or as nearly as a damaged file lets us know. */
function committedBooks({ database, books }: Session): Ledger[] {
  try {
    if (database.inTransaction) database.exec('ROLLBACK')
    return readLedgers(database)
  } catch {
    return books.all()
  }
}

function asUnavailable(error: unknown): Error {
  if (error instanceof StoreUnavailableError) return error
  if (error instanceof OutboxRefusedError || faultOf(error) !== 'operation') {
    return new StoreUnavailableError(reasonOf(error), { cause: error })
  }
  return error instanceof Error ? error : new Error(reasonOf(error))
}
