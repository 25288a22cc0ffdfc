/**
 * The jobs that the agent has in hand.
 *
 *   waiting ──▶ running ──▶ returning ──▶ (gone: the outbox has it)
 *      └────────────────────────▲   ended, or the agent stops, before it ran
 *
 * `waiting`: received, behind the limit. `running`: has a slot; its started row is being stored or its function runs.
 * `returning`: its return is on its way into the outbox. Only `enter`, `moveTo` and `leave` change it.
 */
import type { Routing } from '../delivery/port.ts'
import type { JobKey } from '../outbox/port.ts'
import type { JobReturn } from '../wire/job-return.ts'
import type { ValueObject } from '../wire/value.ts'
import type { PreparedJob } from './execute.ts'
import type { Publication } from './publication.ts'

export type JobState = 'waiting' | 'running' | 'returning'

export interface Job {
  readonly key: JobKey
  readonly publication: Publication
  /** Of the publication. */
  readonly bytes: number
  readonly prepared: PreparedJob
  readonly routing: Routing
  readonly controller: AbortController
  /** False when the store could not take the received row. */
  readonly stored: boolean
  readonly state: JobState
  /** The process it runs in; the agent's when it has none. */
  readonly pid: number
  /** Told once when the job is over: its accepted return, or undefined when none could be accepted. */
  readonly over?: (ret: JobReturn | undefined) => void
}

export interface JobTable {
  has(key: JobKey): boolean
  enter(job: Job): void
  /** The only way to another state. */
  moveTo(job: Job, state: JobState, pid?: number): void
  leave(job: Job): void
  all(): Job[]
  count(state: JobState): number
  byJid(jid: string): Job | undefined
}

const mayFollow: Readonly<Record<JobState, readonly JobState[]>> = {
  waiting: ['running', 'returning'],
  running: ['running', 'returning'],
  returning: [],
}

function keyOf(key: JobKey): string {
  return `${key.master} ${key.jid}`
}

/** An empty table. */
export function createJobTable(): JobTable {
  const jobs = new Map<string, Job>()
  return {
    has: (key) => jobs.has(keyOf(key)),
    enter(job) {
      jobs.set(keyOf(job.key), job)
    },
    moveTo(job, state, pid) {
      if (!mayFollow[job.state].includes(state)) throw new Error(`a job cannot go from ${job.state} to ${state}`)
      Object.assign(job, { state }, pid === undefined ? {} : { pid })
    },
    leave(job) {
      jobs.delete(keyOf(job.key))
    },
    all: () => [...jobs.values()],
    count: (state) => [...jobs.values()].filter((job) => job.state === state).length,
    byJid: (jid) => [...jobs.values()].find((job) => job.key.jid === jid),
  }
}

/** A job as `saltutil.find_job` and `running` show it: the publication with `pid`, as Salt's proc files, and our `state`. */
export function jobEntry(job: Job): ValueObject {
  const entry = Object.assign(Object.create(null) as ValueObject, job.publication.load, { pid: job.pid, state: job.state })
  // Options of the host's own jobs may be its secrets; any master may ask.
  if (job.publication.local === true) delete entry['ret_kwargs']
  return entry
}
