import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll } from 'vitest'
import { createBooks, verifyBooks } from '../../../agent/outbox/books.ts'
import { openOutbox, type OutboxParts } from '../../../agent/outbox/outbox.ts'
import type { ClaimRequest, DestinationRef, NewReturn, Outbox } from '../../../agent/outbox/port.ts'
import { storePaths, type OutboxLimits } from '../../../agent/outbox/settings.ts'
import { silentLogger } from '../../../agent/log.ts'
import { createFakeClock, type FakeClock } from '../../helpers/fake-clock.ts'

export const master: DestinationRef = { name: 'master:ab', kind: 'master', spec: Buffer.from('m') }
export const local: DestinationRef = { name: 'local', kind: 'returner', spec: Buffer.from('l') }
export const web: DestinationRef = { name: 'http', kind: 'returner', spec: Buffer.from('w') }

const root = mkdtempSync(join(tmpdir(), 'outbox-'))
afterAll(() => rmSync(root, { recursive: true }))

/** A directory for a store that is not there yet. Gone after the test file. */
export function newDirectory(): string {
  return join(mkdtempSync(join(root, 'x')), 'store')
}

/** Opens a store with a clock that stands still. */
export async function openTestOutbox(
  options: { directory?: string; limits?: Partial<OutboxLimits>; clock?: FakeClock; dueCapMs?: number } & Partial<OutboxParts> = {},
): Promise<{ outbox: Outbox; clock: FakeClock; directory: string }> {
  const { directory = newDirectory(), limits = {}, clock = createFakeClock(), dueCapMs = 60_000, ...parts } = options
  const outbox = await openOutbox({ directory, limits, dueCapMs }, { log: silentLogger, ...parts, clock })
  return { outbox, clock, directory }
}

/** A return with what a test cares about. */
export function newReturn(jid: string, destinations: DestinationRef[] = [master], more: Partial<NewReturn> = {}): NewReturn {
  return { jid, minionId: 'm1', fun: 'test.echo', success: true, priority: 1, body: Buffer.from(`body ${jid}`), destinations, ...more }
}

/** A claim of everything in the backlog of a destination. */
export function everything(outbox: Outbox, destination: string, now: number, more: Partial<ClaimRequest> = {}): ClaimRequest {
  return { destination, queue: 'backlog', boundary: outbox.lastReturnId(), limit: 1000, maxBytes: 1e9, now, ...more }
}

/** Claims and settles as delivered until nothing is left; gives the jids in their order. */
export async function drain(outbox: Outbox, destination: string, now: number, more: Partial<ClaimRequest> = {}): Promise<string[]> {
  const jids: string[] = []
  for (;;) {
    const claimed = outbox.claim(everything(outbox, destination, now, more))
    if (claimed.length === 0) return jids
    jids.push(...claimed.map(({ jid }) => jid))
    await outbox.settle(claimed.map(({ deliveryId }) => ({ kind: 'delivered', deliveryId })))
  }
}

/** The destinations whose books do not balance or do not say what the rows say; empty when all is well. Reads a copy. */
export function imbalances(directory: string): string[] {
  return withCopy(directory, (database) => {
    const books = createBooks(database)
    books.reload()
    return verifyBooks(database, books).map(({ ledger, actual, missing }) => JSON.stringify({ ledger, actual, missing }))
  })
}

/** Opens a copy of a closed or killed store's files, so that looking changes nothing. */
export function withCopy<T>(directory: string, use: (database: Database.Database) => T): T {
  const copy = copyStore(directory)
  const database = new Database(storePaths(copy).database)
  try {
    return use(database)
  } finally {
    database.close()
  }
}

/** A copy of database and WAL as they are on disk now: what a crash at this moment would leave. */
export function copyStore(directory: string): string {
  const copy = newDirectory()
  cpSync(directory, copy, { recursive: true, filter: (path) => !path.endsWith('.lock') && !path.endsWith('.pid') })
  return copy
}
