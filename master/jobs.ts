/** Starting jobs: whom to expect, what is remembered, what goes over the wire, in Salt's order (master.py `publish`). */
import type { Logger } from '../agent/log.ts'
import type { Value, ValueObject } from '../agent/wire/value.ts'
import { toJsonValue } from '../agent/wire/json.ts'
import type { EventBus } from './events.ts'
import { type KnownMinion, type Matches, type Target, expectedMinions } from './expect.ts'
import type { ExternalJobCache } from './external-job-cache.ts'
import type { JobCache } from './job-cache.ts'

export interface NewJob extends Target {
  fun: string | string[]
  arg: Value[]
  user: string
  /** Returners the minions call too, comma-separated. */
  ret: string
  ret_config?: string
  ret_kwargs?: Value
  metadata?: Value
}

export interface JobPorts {
  log: Logger
  events: EventBus
  jobCache: JobCache
  externalJobCache: Pick<ExternalJobCache, 'saveJob'>
  /** Accepted minions with what is known of them. */
  accepted(): KnownMinion[]
  matches: Matches
  /** Encrypts, signs and hands a publication to every reader. */
  broadcast(load: ValueObject): void
  masterId: string | undefined
  /** Appended to every job's `ret`. */
  extJobCache: string
}

export interface Jobs {
  /** Ids that should answer this target. */
  expected(target: Target): string[]
  /** Remembers the job, then publishes it. Rejects when it could not be remembered; then nothing was sent. */
  publish(jid: string, job: NewJob, minions: string[]): Promise<void>
  /** Publishes a question about jobs: not remembered, its answers are not stored. */
  ask(jid: string, fun: string, arg: Value[], minions: string[]): void
}

/** Makes the part that starts jobs. */
export function makeJobs(ports: JobPorts): Jobs {
  const { events, jobCache, log } = ports
  return {
    expected: (target) => expectedMinions(target, ports.accepted(), ports.matches),
    async publish(jid, job, minions) {
      const load = wireLoad(jid, job)
      events.fire(jid, { minions })
      events.fire(`salt/job/${jid}/new`, { ...announcement(jid, job), minions, missing: [] })
      const record = toJsonValue({ cmd: 'publish', ...load }) as Record<string, unknown>
      await ports.externalJobCache.saveJob(jid, record, minions)
      await jobCache.saveJob(jid, record, minions)
      events.fire(`salt/job/${jid}/publish`, announcement(jid, job))
      ports.broadcast(load)
      log.info({ jid, fun: job.fun, user: job.user, minions: minions.length }, 'a job is published')
    },
    ask(jid, fun, arg, minions) {
      jobCache.ignore(jid)
      ports.broadcast(wireLoad(jid, { tgt: minions, tgt_type: 'list', fun, arg, user: 'root', ret: '' }))
    },
  }

  function wireLoad(jid: string, job: NewJob): ValueObject {
    const isQuestion = job.fun === 'saltutil.find_job'
    const ret = isQuestion ? job.ret : joinReturners(job.ret, ports.extJobCache)
    const load: ValueObject = { fun: job.fun, arg: job.arg, tgt: job.tgt, jid, ret }
    if (ports.masterId !== undefined) load['master_id'] = ports.masterId
    if (job.delimiter !== undefined && job.delimiter !== ':') load['delimiter'] = job.delimiter
    load['tgt_type'] = job.tgt_type
    if (job.ret_config !== undefined) load['ret_config'] = job.ret_config
    if (job.metadata !== undefined) load['metadata'] = job.metadata
    if (job.ret_kwargs !== undefined) load['ret_kwargs'] = job.ret_kwargs
    load['user'] = job.user
    return load
  }
}

function announcement(jid: string, job: NewJob): ValueObject {
  return { jid, tgt_type: job.tgt_type, tgt: job.tgt, user: job.user, fun: job.fun, arg: job.arg }
}

function joinReturners(...lists: string[]): string {
  const names = lists.flatMap((list) => list.split(',')).map((name) => name.trim())
  return [...new Set(names.filter((name) => name !== ''))].join(',')
}
