import type { JobReturn } from '../wire/job-return.ts'
import { get, type Value, type ValueObject } from '../wire/value.ts'

/** A job that no master asked for, in the words of a publication. */
export interface LocalJob {
  fun: string
  /** As in a publication: keywords in a map with `__kwarg__: true`. */
  arg: Value[]
  /** The rest of a publication, as far as it is wanted: `ret`, `ret_config`, `ret_kwargs`, `metadata`, `user`, `schedule` … */
  more?: ValueObject
  /** True when a master chose what it runs (by its pillar, or an order that it gave): it may what a master may, and no more. */
  fromMaster?: boolean
}

/** A local job that has its received row. */
export interface StartedJob {
  jid: string
  /** Resolves when it is over: with its accepted return, or undefined when none could be accepted (which is logged). */
  over: Promise<JobReturn | undefined>
}

/** In place of a master's fingerprint in the key of a job whose return goes to no master. */
export const NO_MASTER = 'local'

/** In the load of a local job that a master chose: known again after a crash, when nothing else is. */
const FROM_MASTER = 'from_master'

/** Whether the load of a local job says that a master chose it. */
export function isFromMaster(load: ValueObject): boolean {
  return get(load, FROM_MASTER) === true
}

/** The publication that stands for a local job. */
export function localLoad(job: LocalJob, jid: string, minionId: string): ValueObject {
  const load = Object.create(null) as ValueObject
  return Object.assign(load, job.more, { fun: job.fun, arg: job.arg, tgt: minionId, tgt_type: 'glob', jid, ...(job.fromMaster === true && { [FROM_MASTER]: true }) })
}
