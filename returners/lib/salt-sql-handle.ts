import type { ReturnerContext, ReturnerHandle } from '../contract.ts'
import { type EventTable, eventsOf, type JobCacheTables, jobCacheOf } from './salt-job-cache.ts'
import { type NewRow, rowOf } from './salt-rows.ts'
import { storeBatch } from './store-batch.ts'

/** Salt's tables in one database: connections for writing, reading and cleaning, each opened when needed. */
export interface SqlStore extends JobCacheTables, EventTable {
  /** Connects and looks at the tables, so that what is wrong is said before anything is sent. */
  open(): Promise<void>
  /** Writes rows: one per job and minion. */
  writeReturns(rows: readonly NewRow[], signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

/** The handle over an open store. @throws whatever its `open` throws; it is closed then */
export async function openSqlHandle(store: SqlStore, context: ReturnerContext): Promise<ReturnerHandle> {
  try {
    await store.open()
  } catch (error) {
    await store.close()
    throw error
  }
  return {
    returner: (items, signal) => storeBatch(items, (some) => store.writeReturns(some.map(rowOf), signal)),
    ...jobCacheOf(store, context),
    ...eventsOf(store, context),
    close: () => store.close(),
  }
}
