import type { Database } from 'better-sqlite3'
import { createBooks, correctBooks, type Books } from './books.ts'
import { createBounds, type Bounds } from './bounds.ts'
import { createClaimer, type Claimer, type Claims } from './claims.ts'
import { createDeliveries, type Deliveries } from './deliveries.ts'
import { createGaps, REASON, type Gaps } from './gaps.ts'
import { createJobs, type Jobs } from './jobs.ts'
import { createKept, type Kept } from './kept.ts'
import { createListing, type Listing } from './listing.ts'
import type { Gap } from './port.ts'
import { createReturns, type Returns } from './returns.ts'
import type { OutboxLimits } from './settings.ts'
import type { Uptime } from './uptime.ts'

/** What outlives a connection: it is thrown away after an I/O error, these are not. */
export interface Memory {
  claims: Claims
  uptime: Uptime
  /** Highest return id given out; never falls, whatever rolls back. */
  lastReturnId: number
  wall: () => number
}

/** Everything that is bound to one connection. */
export interface Session {
  database: Database
  books: Books
  bounds: Bounds
  claimer: Claimer
  deliveries: Deliveries
  gaps: Gaps
  jobs: Jobs
  kept: Kept
  listing: Listing
  returns: Returns
  transaction: Transaction
  /** Remembers how far the uptime counter is. Inside a transaction. */
  saveUptime(): void
}

/** One transaction after the other over a session; see `commits.ts` for who calls what. */
export interface Transaction {
  /** Starts one that will add about `bytes`. */
  begin(bytes: number): void
  /** Starts a part that can be undone alone. */
  mark(): void
  /** Ends the part: bounds, books and gaps. */
  keepPart(): void
  undoPart(): void
  /** Bounds, books and gaps, then COMMIT with its fsync. Gives the gaps that are now on record. */
  commit(): Gap[]
  rollback(): void
}

/**
 * Binds the store's parts to an open connection, and makes the books say what the rows say. `cap`: no set-aside delivery
 * is due later than this many milliseconds from now.
 * @throws SQLite's error when the store cannot be read or written.
 */
export function openSession(database: Database, memory: Memory, limits: OutboxLimits, cap: number): Session {
  const books = createBooks(database)
  const gaps = createGaps(database)
  const returns = createReturns(database)
  const kept = createKept(database, returns, limits)
  const deliveries = createDeliveries(database, books, gaps, returns, kept)
  const bounds = createBounds(database, { books, deliveries, kept, claims: memory.claims, limits })
  const jobs = createJobs(database, limits)
  const saveUptime = database.prepare<[number]>('UPDATE meta SET uptime = ? WHERE id = 1')
  const parts = { database, books, bounds, deliveries, gaps, jobs, kept, returns }
  const session: Session = {
    ...parts,
    claimer: createClaimer(database, books, returns, memory.claims),
    listing: createListing(database, books, memory.uptime),
    transaction: createTransaction(parts, memory),
    saveUptime: () => void saveUptime.run(memory.uptime.now()),
  }
  recover(session, memory, cap)
  return session
}

/** Reads the counters of earlier runs, and repairs what only damage can have put out of step. */
function recover(session: Session, memory: Memory, cap: number): void {
  const { database, books, gaps, transaction } = session
  reload(session)
  const newest = Number(database.prepare('SELECT coalesce(max(id), 0) FROM returns').pluck().get())
  const uptime = Number(database.prepare('SELECT uptime FROM meta').pluck().get())
  memory.lastReturnId = Math.max(memory.lastReturnId, newest, ...books.all().map((ledger) => ledger.newest))
  memory.uptime.raise(Math.max(uptime, ...books.all().map((ledger) => ledger.uptime)))
  transaction.begin(0)
  for (const { name, count } of correctBooks(database, books)) gaps.add(name, REASON.books, undefined, count)
  const latest = memory.uptime.now() + cap
  database.prepare('UPDATE deliveries SET due = ? WHERE state = 1 AND due > ?').run(latest, latest)
  session.saveUptime()
  transaction.commit()
}

function reload(parts: Pick<Session, 'books' | 'bounds' | 'gaps' | 'jobs' | 'kept'>): void {
  parts.gaps.discard()
  parts.books.reload()
  parts.jobs.reload()
  parts.kept.reload()
  parts.bounds.reload()
}

type TransactionParts = Pick<Session, 'database' | 'books' | 'bounds' | 'gaps' | 'jobs' | 'kept'>

function createTransaction(parts: TransactionParts, memory: Memory): Transaction {
  const { database, books, bounds, gaps, jobs } = parts
  const begin = database.prepare('BEGIN IMMEDIATE')
  const commit = database.prepare('COMMIT')
  const rollback = database.prepare('ROLLBACK')
  const mark = database.prepare('SAVEPOINT part')
  const release = database.prepare('RELEASE part')
  const undo = database.prepare('ROLLBACK TO part')
  let recorded: Gap[] = []

  function finish(): void {
    jobs.trim(memory.uptime.now())
    bounds.enforce()
    books.flush()
    recorded.push(...gaps.flush(memory.wall()))
  }

  return {
    begin(bytes) {
      recorded = []
      begin.run()
      if (bytes > 0) bounds.makeRoom(bytes)
    },
    mark() {
      mark.run()
    },
    keepPart() {
      finish()
      release.run()
    },
    undoPart() {
      undo.run()
      release.run()
      reload(parts)
    },
    commit() {
      finish()
      commit.run()
      return recorded
    },
    rollback() {
      recorded = []
      if (database.inTransaction) rollback.run()
      reload(parts)
    },
  }
}
