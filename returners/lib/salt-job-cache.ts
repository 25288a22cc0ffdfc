import type { ReturnerContext, ReturnerHandle } from '../contract.ts'
import { jidOf, newJid } from './jid.ts'
import { byMinion, type StoredRow } from './salt-rows.ts'

export type Load = Record<string, unknown>

/** Salt's tables as a job cache needs them. Times are milliseconds since the epoch. */
export interface JobCacheTables {
  /** Reads a job's load as it is stored, and writes what `change` makes of it unless that is null; nobody comes between. */
  changeLoad(jid: string, change: (stored: Load | null) => Load | null): Promise<void>
  readLoad(jid: string): Promise<Load | null>
  readLoads(): Promise<{ jid: string; load: Load }[]>
  /** Of several rows of one minion the newest comes last. */
  readJob(jid: string): Promise<StoredRow[]>
  /** Of each minion the row of its newest job. */
  readFunction(fun: string): Promise<StoredRow[]>
  readMinions(): Promise<string[]>
  /** Removes what is older than the time, and the loads of jobs whose id is smaller than `jid` and that have no returns left. */
  deleteBefore(time: number, jid: string): Promise<void>
}

/** A table of events. */
export interface EventTable {
  writeEvents(events: readonly { tag: string; data: string }[], time: number): Promise<void>
}

/** The event half over Salt's table of events. */
export function eventsOf(table: EventTable, context: ReturnerContext) {
  return {
    async eventReturn(events) {
      if (events.length === 0) return
      await table.writeEvents(events.map(({ tag, data }) => ({ tag, data: JSON.stringify(data) })), context.now())
    },
  } satisfies Partial<ReturnerHandle>
}

/** The job-cache half over Salt's tables. */
export function jobCacheOf(tables: JobCacheTables, context: ReturnerContext) {
  let made = 0
  const save = (jid: string, load: Load, minions: readonly string[]) => tables.changeLoad(jid, (stored) => changedLoad(stored, load, minions))
  return {
    saveLoad: (jid, load, minions = []) => save(jid, load, minions),
    saveMinions: (jid, minions) => save(jid, {}, minions),
    getLoad: (jid) => tables.readLoad(jid),
    getJid: async (jid) => byMinion(await tables.readJob(jid)),
    getFun: async (fun) => byMinion(await tables.readFunction(fun)),
    getJids: async () => Object.fromEntries((await tables.readLoads()).map(({ jid, load }) => [jid, load])),
    getMinions: () => tables.readMinions(),
    prepJid: async (_nocache, passedJid) => {
      made += 1
      return passedJid ?? newJid(context.now(), made)
    },
    cleanOldJobs: (keepSeconds) => {
      const before = context.now() - keepSeconds * 1000
      return tables.deleteBefore(before, jidOf(before))
    },
  } satisfies Partial<ReturnerHandle>
}

/** The first load is the publication; a master stores it again with the return, which knows less. Minions are added. */
function changedLoad(stored: Load | null, load: Load, minions: readonly string[]): Load | null {
  const base = stored ?? load
  const known = Array.isArray(base['Minions']) ? base['Minions'].map(String) : []
  const all = [...new Set([...known, ...minions])].toSorted()
  if (stored !== null && all.length === known.length) return null
  return all.length === 0 ? base : { ...base, Minions: all }
}
