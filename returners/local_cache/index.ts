import { join } from 'node:path'
import { defineReturner, type JobCacheFunction, PermanentError, type ReturnItem, type ReturnerContext, type ReturnerHandle } from '../contract.ts'
import { fileError } from '../lib/file-error.ts'
import { type Options, options } from './options.ts'
import { readFunction, readJob, readLoad, readLoads, readMinions } from './reads.ts'
import { type Place, prepareJob, removeBefore, writeLoad, writeMinions, writeReturn } from './writes.ts'

const jobCache = ['saveLoad', 'saveMinions', 'getLoad', 'getJid', 'getFun', 'getJids', 'getMinions', 'prepJid', 'cleanOldJobs'] as const satisfies JobCacheFunction[]

/** Returns of a batch that are written at the same time: each waits for the disk several times. */
const AT_ONCE = 8

export default defineReturner<Options>({
  name: 'local_cache',
  summary: "Keeps returns in files, in the layout of Salt's own job cache",
  options,
  delivery: 'upsert',
  jobCache,
  isolation: 'inline',
  maxBatch: 100,
  open: (settings, context) => openCache(settings, context),
})

function openCache(settings: Options, context: ReturnerContext): ReturnerHandle {
  const place: Place = { jobs: join(settings.cachedir ?? context.cacheDir, 'jobs'), hashType: settings.hash_type, now: context.now }
  const guard = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (error) {
      throw error instanceof PermanentError ? error : fileError(place.jobs, error)
    }
  }
  return {
    returner: (items, signal) => guard(writeAll(place, items, signal)),
    saveLoad: (jid, load, minions = []) => guard(writeLoad(place, jid, load, minions)),
    saveMinions: (jid, minions) => guard(writeMinions(place, jid, minions)),
    getLoad: (jid) => guard(readLoad(place, jid)),
    getJid: (jid) => guard(readJob(place, jid)),
    getFun: (fun) => guard(readFunction(place, fun)),
    getJids: () => guard(readLoads(place)),
    getMinions: () => guard(readMinions(place)),
    prepJid: (nocache, passedJid) => guard(prepareJob(place, nocache, passedJid)),
    cleanOldJobs: (keepSeconds) => guard(removeBefore(place, context.now() - keepSeconds * 1000)),
    close: async () => {},
  }
}

async function writeAll(place: Place, items: readonly ReturnItem[], signal: AbortSignal): Promise<void> {
  for (let done = 0; done < items.length; done += AT_ONCE) {
    signal.throwIfAborted()
    const written = await Promise.allSettled(items.slice(done, done + AT_ONCE).map((item) => writeReturn(place, item)))
    const failed = written.find((one) => one.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }
}
