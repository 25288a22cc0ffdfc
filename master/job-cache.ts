/**
 * The master's memory of jobs: what was published and what came back, in the returner that `master_job_cache` names,
 * through the same contract that minions' returners have.
 */
import { join } from 'node:path'
import type { Clock } from '../agent/clock.ts'
import type { Logger } from '../agent/log.ts'
import type { ReturnItem, ReturnRecord, ReturnerHandle } from '../returners/contract.ts'
import { MasterReturnerError, openMasterReturner } from './returner.ts'
import type { MasterSettings } from './settings.ts'

/** A job's answer, ready to be stored: the record and its JSON text. */
export interface StorableReturn {
  ret: ReturnRecord
  json: string
}

export interface JobCache {
  /** Stores a publication with the ids that should return. */
  saveJob(jid: string, load: Record<string, unknown>, minions: string[]): Promise<void>
  /** Returns of this job are answered and announced but not stored: questions such as find_job. */
  ignore(jid: string): void
  /** Resolves when the return is stored for good: `again` when it had been before. Rejects when it could not be stored. */
  storeReturn(item: StorableReturn): Promise<'new' | 'again'>
  /** The publication of a job with `Minions`; null when unknown. */
  load(jid: string): Promise<Record<string, unknown> | null>
  /** Minion id → its return. */
  returns(jid: string): Promise<Record<string, ReturnRecord>>
  /** jid → the publication. */
  jobs(): Promise<Record<string, Record<string, unknown>>>
  close(): Promise<void>
}

const maxBatch = 256
const storeTimeoutMs = 30_000
/** Jobs whose returned ids are kept in memory; older ones are looked up again. */
const maxRememberedJobs = 2000
const cleanIntervalMs = 3_600_000

type CacheHandle = ReturnerHandle & Required<Pick<ReturnerHandle, 'saveLoad' | 'getLoad' | 'getJid' | 'getJids'>>

/**
 * Opens the configured returner and cleans it every hour of jobs older than `keep_jobs_seconds`.
 *
 * @throws MasterReturnerError when there is no such returner, its options are wrong or it cannot be read back.
 */
export async function openJobCache(settings: MasterSettings, clock: Clock, log: Logger): Promise<JobCache> {
  const handle = await openReturner(settings, clock, log)
  const batch = makeBatcher((items) => handle.returner(items, AbortSignal.timeout(storeTimeoutMs)))
  const remembered = new Map<string, Set<string> | 'ignored'>()
  let stopCleaning: (() => void) | undefined
  scheduleCleaning()

  return {
    async saveJob(jid, load, minions) {
      remember(jid, new Set<string>())
      if (settings.job_cache) await handle.saveLoad(jid, load, minions)
    },
    ignore: (jid) => remember(jid, 'ignored'),
    async storeReturn({ ret, json }) {
      const returned = await returnedIds(ret)
      if (returned === 'ignored' || !settings.job_cache) return 'new'
      if (returned.has(ret.id)) return 'again'
      await batch({ key: `${ret.jid}/${ret.id}/${settings.master_job_cache}`, ret, json })
      returned.add(ret.id)
      return 'new'
    },
    load: (jid) => handle.getLoad(jid),
    returns: (jid) => handle.getJid(jid),
    jobs: () => handle.getJids(),
    async close() {
      stopCleaning?.()
      await handle.close()
    },
  }

  /** The ids that returned this job already. A job this cache has never seen gets the return itself as its publication. */
  async function returnedIds(ret: ReturnRecord): Promise<Set<string> | 'ignored'> {
    const known = remembered.get(ret.jid)
    if (known !== undefined || !settings.job_cache) return known ?? new Set()
    const load = await handle.getLoad(ret.jid)
    if (load === null) {
      await handle.saveLoad(ret.jid, { ...ret, tgt: ret.id, tgt_type: 'glob', arg: ret.fun_args }, [ret.id])
    }
    const returned = new Set(load === null ? [] : Object.keys(await handle.getJid(ret.jid)))
    const raced = remembered.get(ret.jid)
    return raced ?? remember(ret.jid, returned)
  }

  function remember<T extends Set<string> | 'ignored'>(jid: string, state: T): T {
    remembered.set(jid, state)
    for (const oldest of remembered.keys()) {
      if (remembered.size <= maxRememberedJobs) break
      remembered.delete(oldest)
    }
    return state
  }

  function scheduleCleaning(): void {
    stopCleaning = clock.timer(cleanIntervalMs, () => {
      scheduleCleaning()
      if (settings.keep_jobs_seconds === 0) return
      handle.cleanOldJobs?.(settings.keep_jobs_seconds)?.catch((error: unknown) => log.error({ err: error }, 'old jobs could not be cleaned'))
    })
  }
}

async function openReturner(settings: MasterSettings, clock: Clock, log: Logger): Promise<CacheHandle> {
  const name = settings.master_job_cache
  const stateDir = join(settings.cachedir, 'job_cache')
  // sqlite3 gets a file of its own when none is named.
  const defaults = name === 'sqlite3' ? { database: join(stateDir, 'jobs.sqlite3') } : {}
  const handle = await openMasterReturner(settings, { name, option: 'master_job_cache', stateDir, defaults }, { clock, log })
  if (handle.saveLoad && handle.getLoad && handle.getJid && handle.getJids) return handle as CacheHandle
  await handle.close()
  throw new MasterReturnerError(`master_job_cache: the returner ${name} cannot be read back, so it cannot be a job cache`)
}

/** Stores what waits together in one call; when a call fails, its items are tried one by one so that each gets its own answer. */
function makeBatcher(store: (items: ReturnItem[]) => Promise<void>): (item: ReturnItem) => Promise<void> {
  interface Waiting {
    item: ReturnItem
    stored: () => void
    failed: (error: unknown) => void
  }
  const waiting: Waiting[] = []
  let working = false

  async function work(): Promise<void> {
    working = true
    while (waiting.length > 0) {
      const taken = waiting.splice(0, maxBatch)
      try {
        await store(taken.map(({ item }) => item))
        for (const each of taken) each.stored()
      } catch (error) {
        if (taken.length === 1) taken[0]?.failed(error)
        else for (const each of taken) await store([each.item]).then(each.stored, each.failed)
      }
    }
    working = false
  }

  return (item) =>
    new Promise((stored, failed) => {
      waiting.push({ item, stored, failed })
      if (!working) void work()
    })
}
