/** What the local socket's requests do: publish and gather, look up jobs, watch events, change keys. */
import type { Clock } from '../agent/clock.ts'
import { isTimeJid } from '../agent/wire/jid.ts'
import { decode, encode } from '../agent/wire/msgpack.ts'
import { type Value, type ValueObject, get } from '../agent/wire/value.ts'
import { errorText } from '../returners/lib/error-code.ts'
import type { EventBus } from './events.ts'
import type { Target } from './expect.ts'
import { gather } from './gather.ts'
import { describeJob } from './job-format.ts'
import type { JobCache } from './job-cache.ts'
import type { Jobs, NewJob } from './jobs.ts'
import type { KeyChange } from './key-changes.ts'
import { expandNodegroups, TargetError } from './nodegroup.ts'
import type { LocalHandler, LocalReply, LocalRequest, PublishRequest } from './local.ts'

export interface LocalPorts {
  clock: Clock
  events: EventBus
  jobs: Jobs
  jobCache: JobCache
  nextJid(): string
  connectedMinions(): Set<string>
  /** Ids whose key is accepted, sorted. */
  acceptedMinions(): string[]
  changeKey(change: KeyChange): string[]
  /** The master's own, written out in targets. */
  nodegroups: ValueObject
  /** Seconds, when a request names none. */
  timeout: number
  gatherJobTimeout: number
}

type Reply = (line: LocalReply) => void

/** Makes the handler of the local socket. */
export function makeLocalHandler(ports: LocalPorts): LocalHandler {
  return (request, reply) => {
    const leaving = new AbortController()
    start(request, reply, leaving.signal).catch((error: unknown) =>
      reply({ type: 'error', message: errorText(error), ...(error instanceof TargetError ? { isUsage: true } : {}) }),
    )
    return () => leaving.abort()
  }

  async function start(request: LocalRequest, reply: Reply, left: AbortSignal): Promise<void> {
    switch (request.cmd) {
      case 'publish':
        return publish(request, reply, left)
      case 'jobs':
        return lookUp(request.jid, reply)
      case 'events':
        return left.addEventListener(
          'abort',
          ports.events.subscribe(request.prefix, ({ tag, data }) => reply({ type: 'event', tag, data: pack(data) })),
        )
      case 'target':
        reply({ type: 'result', data: pack(ports.jobs.expected(expandNodegroups(targetOf(request), ports.nodegroups))) })
        return reply({ type: 'over' })
      case 'minions':
        reply({ type: 'result', data: pack({ accepted: ports.acceptedMinions(), connected: [...ports.connectedMinions()].toSorted() }) })
        return reply({ type: 'over' })
      case 'keys':
        reply({ type: 'result', data: pack(ports.changeKey(request)) })
        return reply({ type: 'over' })
      default: {
        const never: never = request
        throw new Error(`unknown command ${String(never)}`)
      }
    }
  }

  async function publish(request: PublishRequest, reply: Reply, left: AbortSignal): Promise<void> {
    const job = expandNodegroups(newJob(request), ports.nodegroups)
    const minions = ports.jobs.expected(job)
    if (minions.length === 0) {
      reply({ type: 'published', jid: '', minions })
      return reply({ type: 'over' })
    }
    if (request.jid !== undefined && !isTimeJid(request.jid)) throw new Error(`not a job id: ${request.jid}`)
    const jid = request.jid ?? ports.nextJid()
    reply({ type: 'published', jid, minions })
    const stop = request.wait ? wait(request, jid, minions, reply) : undefined
    if (stop) left.addEventListener('abort', stop)
    try {
      await ports.jobs.publish(jid, job, minions)
    } catch (error) {
      stop?.()
      throw error
    }
    if (!stop) reply({ type: 'over' })
  }

  function wait(request: PublishRequest, jid: string, minions: string[], reply: Reply): () => void {
    const times = {
      timeoutMs: (request.timeout ?? ports.timeout) * 1000,
      gatherJobTimeoutMs: (request.gather_job_timeout ?? ports.gatherJobTimeout) * 1000,
    }
    return gather({ jid, minions, ...times }, {
      clock: ports.clock,
      events: ports.events,
      askWhoRuns(missing) {
        const question = ports.nextJid()
        ports.jobs.ask(question, 'saltutil.find_job', [jid], missing)
        return question
      },
      onReturn: (id, load) => reply({ type: 'return', id, load: pack(load) }),
      onOver(missing) {
        const connected = ports.connectedMinions()
        for (const id of missing) reply({ type: 'missing', id, connected: connected.has(id) })
        reply({ type: 'over' })
      },
    })
  }

  async function lookUp(jid: string | undefined, reply: Reply): Promise<void> {
    const found = jid === undefined ? await listJobs() : await showJob(jid)
    if (found) reply({ type: 'result', data: pack(found) })
    reply({ type: 'over' })
  }

  async function listJobs(): Promise<Record<string, unknown>> {
    const jobs = Object.entries(await ports.jobCache.jobs()).toSorted(([a], [b]) => (a < b ? -1 : 1))
    return Object.fromEntries(jobs.map(([jid, load]) => [jid, describeJob(jid, load)]))
  }

  /** The publication with `Minions`, and minion → the record of its return. */
  async function showJob(jid: string): Promise<Record<string, unknown> | null> {
    const load = await ports.jobCache.load(jid)
    return load === null ? null : { load, returns: await ports.jobCache.returns(jid) }
  }
}

function targetOf({ tgt, tgt_type, delimiter }: Pick<PublishRequest, 'tgt' | 'tgt_type' | 'delimiter'>): Target {
  return { tgt, tgt_type, ...(delimiter === undefined ? {} : { delimiter }) }
}

function newJob(request: PublishRequest): NewJob {
  const values = decode(Buffer.from(request.values, 'base64'))
  const optional = (name: 'ret_kwargs' | 'metadata') => {
    const value = get(values, name)
    return value === undefined ? {} : { [name]: value }
  }
  const arg = get(values, 'arg')
  if (!Array.isArray(arg)) throw new Error('arg must be a list')
  return {
    ...targetOf(request),
    fun: request.fun,
    arg,
    user: request.user,
    ret: request.ret ?? '',
    ...(request.ret_config === undefined ? {} : { ret_config: request.ret_config }),
    ...optional('ret_kwargs'),
    ...optional('metadata'),
  }
}

function pack(value: Value | ValueObject | Record<string, unknown>): string {
  return encode(value).toString('base64')
}
