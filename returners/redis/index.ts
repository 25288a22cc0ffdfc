import { defineReturner, JOB_CACHE, type ReturnerContext, type ReturnerHandle } from '../contract.ts'
import { jobCacheOf } from '../lib/salt-job-cache.ts'
import { storeBatch } from '../lib/store-batch.ts'
import { type Options, options } from './options.ts'
import { createRedisStore } from './store.ts'

export default defineReturner<Options>({
  name: 'redis',
  summary: 'Keeps returns in Redis for a while, readable as a job cache',
  options,
  delivery: 'upsert',
  masterMaySet: ['timeout', 'connect_timeout'],
  // The driver's code reads what a stranger sends: it must not be able to take the agent along.
  isolation: 'process',
  maxBatch: 500,
  // Salt's has no events.
  jobCache: JOB_CACHE.filter((name) => name !== 'eventReturn'),
  drivers: ['ioredis'],
  topLevel: ['keep_jobs_seconds'],
  deadlineSeconds: ({ timeout, connect_timeout }) => timeout + connect_timeout + 5,
  open: openHandle,
})

async function openHandle(settings: Options, context: ReturnerContext): Promise<ReturnerHandle> {
  const store = createRedisStore(settings)
  try {
    await store.open()
  } catch (error) {
    await store.close()
    throw error
  }
  return {
    returner: (items, signal) => storeBatch(items, (some) => store.writeReturns(some, signal)),
    ...jobCacheOf(store, context),
    close: () => store.close(),
  }
}
