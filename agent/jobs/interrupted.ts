import type { Clock } from '../clock.ts'
import { errorText } from '../modules/error-text.ts'
import { decode } from '../wire/msgpack.ts'
import type { ProcessMark, UnfinishedJob } from '../outbox/port.ts'
import type { ValueObject } from '../wire/value.ts'
import { askerOf } from './asker.ts'
import { isFromMaster } from './local-job.ts'
import type { ProcessRunner } from './process-runner.ts'
import { routeAllowed } from './policy.ts'
import { endProcesses, groupMembers } from './processes.ts'
import type { ProcessInfo } from './processes.ts'
import { parsePublication } from './publication.ts'
import type { Publication } from './publication.ts'
import { failed, jobReturn } from './result.ts'
import type { JobsDeps, JobsSettings } from './settings.ts'

/** What a crash left of one job, and what was done about it. */
export interface InterruptedJob {
  job: UnfinishedJob
  publication: Publication
  /** The text of its return. */
  text: string
}

export interface InterruptedSettings {
  unfinished: UnfinishedJob[]
  runner: ProcessRunner
  clock: Clock
  killGraceMs: number
  survivors: 'end' | 'leave'
}

/**
 * Looks after the jobs that the agent's last life did not finish: finds the processes that outlived it, ends them unless
 * they are to be left, and gives each job the text of its one return. Nothing is run again. Yields jobs as they are done.
 */
export async function* settleInterrupted(settings: InterruptedSettings): AsyncGenerator<InterruptedJob> {
  if (settings.unfinished.length === 0) return
  const marked = settings.runner.allProcesses()
  for (const job of settings.unfinished) {
    const find = () => survivorsOf(job, marked.has(job.jid) ? settings.runner.processesOf(job.jid) : [])
    const alive = find()
    const { left } =
      alive.length > 0 && settings.survivors === 'end'
        ? await endProcesses(find, { clock: settings.clock, graceMs: settings.killGraceMs })
        : { left: alive }
    yield { job, publication: publicationOf(job), text: interruptedText(job, alive, left) }
  }
}

function survivorsOf(job: UnfinishedJob, marked: ProcessInfo[]): ProcessInfo[] {
  const mark: ProcessMark | undefined = job.process
  const group = mark === undefined ? [] : groupMembers(mark)
  return [...new Map([...group, ...marked].map((info) => [info.pid, info])).values()]
}

/** Says whether it waited or ran, since when, and what became of its processes. */
export function interruptedText(job: UnfinishedJob, alive: ProcessInfo[], left: ProcessInfo[]): string {
  const since = new Date(job.since).toISOString()
  if (job.state === 'waiting') return `The minion ended while this job was waiting, since ${since}. It was not run, and is not run now.`
  const began = `The minion ended while this job was running, since ${since}. It is not run again. `
  if (alive.length === 0) return `${began}None of its processes survived.`
  const ended = alive.filter((info) => !left.some((other) => other.pid === info.pid))
  const parts: string[] = []
  if (ended.length > 0) parts.push(`Processes that survived and were ended: ${names(ended)}.`)
  if (left.length > 0) parts.push(`Processes that survived and still run: ${names(left)}.`)
  return began + parts.join(' ')
}

function names(found: ProcessInfo[]): string {
  return found.map((info) => `${info.pid} (${info.name})`).join(', ')
}

/** The publication in the row; when it cannot be read, what the row itself knows. */
function publicationOf(job: UnfinishedJob): Publication {
  const parsed = parsePublication(tryDecode(job.load))
  if (!('reason' in parsed)) return parsed
  const load = Object.create(null) as ValueObject
  return { jid: job.jid, fun: job.fun, arg: [], target: { tgt: '', type: 'glob' }, returners: { names: [] }, load }
}

function tryDecode(bytes: Uint8Array): unknown {
  try {
    return decode(bytes)
  } catch {
    return undefined
  }
}

/**
 * Gives every job of the agent's last life its one return. A return that cannot be accepted is logged; its job stays
 * unfinished and is reported at the next start. Resolves with the number of jobs.
 */
export async function reportInterrupted(settings: JobsSettings, deps: JobsDeps): Promise<number> {
  const unfinished = deps.ledger.unfinished()
  const { runner, clock, intake, log } = deps
  const { killGraceMs, survivors } = settings
  for await (const { job, publication, text } of settleInterrupted({ unfinished, runner, clock, killGraceMs, survivors })) {
    log.warn({ jid: job.jid, state: job.state }, 'a job of the last life was interrupted')
    try {
      // Only the host itself starts jobs whose return goes to no master.
      const master = askerOf(job, publication.load)
      const isOwn = master === undefined && !isFromMaster(publication.load)
      const routing = await routeAllowed(isOwn ? { ...publication, local: true } : publication, master, { intake, masterReturners: settings.masterReturners })
      const ret = jobReturn(publication, settings.minionId, failed(text), routing.errors)
      await intake.accept(ret, routing, { master: job.master, jid: job.jid })
    } catch (error) {
      log.error({ jid: job.jid, error: errorText(error) }, 'the return of an interrupted job could not be accepted')
    }
  }
  return unfinished.length
}
