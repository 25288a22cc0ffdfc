/**
 * Who asked for a job, and gets its return. The job's key has only the master's key, so that a job of masters that share one runs once;
 * which of them asked is kept in the stored load, so that it is known after a crash.
 */
import { keyOfMaster } from '../master-id.ts'
import type { JobKey, UnfinishedJob } from '../outbox/port.ts'
import { get, type Value, type ValueObject } from '../wire/value.ts'
import { NO_MASTER } from './local-job.ts'

const ASKED_BY = 'asked_by'

/** The key of a job that this master asked for; undefined for none. */
export function keyFor(master: string | undefined, jid: string): JobKey {
  return { master: master === undefined ? NO_MASTER : keyOfMaster(master), jid }
}

/** The load as it is stored. What a master itself wrote under that name never stands there. */
export function withAsker(load: ValueObject, master: string | undefined): ValueObject {
  const isTold = master === undefined || master === keyOfMaster(master)
  if (isTold && !Object.hasOwn(load, ASKED_BY)) return load
  return Object.assign(Object.create(null) as ValueObject, load, { [ASKED_BY]: master ?? null })
}

/** The master that gets the return of an unfinished job; undefined for none. `load`: its stored load. */
export function askerOf(job: Pick<UnfinishedJob, 'master'>, load: Value): string | undefined {
  if (job.master === NO_MASTER) return undefined
  const told = get(load, ASKED_BY)
  return typeof told === 'string' && keyOfMaster(told) === job.master ? told : job.master
}
