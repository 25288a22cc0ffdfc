import type { Logger } from '../log.ts'
import { errorText } from '../modules/error-text.ts'
import type { JobControl, JobEntry } from '../modules/services.ts'
import { decode } from '../wire/msgpack.ts'
import { get, isObject } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import { JobEndedError } from './process-runner.ts'
import type { ProcessRunner } from './process-runner.ts'
import { signalProcess } from './processes.ts'
import { isJid } from './publication.ts'
import type { JobLedger } from './settings.ts'
import { isEnding, isKill } from '../modules/signals.ts'
import { jobEntry } from './table.ts'
import type { Job, JobTable } from './table.ts'

export interface ControlSettings {
  table: JobTable
  ledger: JobLedger
  runner: ProcessRunner
  log: Logger
  agentPid: number
  masterDestination(master: string): string
  /** Takes a waiting job out of the queue and returns for it. */
  endWaiting(job: Job, reason: JobEndedError): void
}

/** What a job may ask about jobs. `asker`: its own jid, which is left out; `master`: whose queue of returns is looked into. */
export function createControl(settings: ControlSettings, asker: string, master: string | undefined): JobControl {
  const { table, ledger, runner } = settings

  function isQueued(jid: string): boolean {
    if (master === undefined) return false
    try {
      return ledger.isQueued(jid, settings.masterDestination(master))
    } catch (error) {
      settings.log.warn({ jid, error: errorText(error) }, 'the outbox could not be asked for a job')
      return false
    }
  }
  function stored(jid: string): Value {
    const body = isJid(jid) ? ledger.findReturn(jid) : null
    return body === null ? null : decode(body)
  }

  return {
    running: () => table.all().filter((job) => job.key.jid !== asker).map(jobEntry),
    find(jid) {
      const job = table.byJid(jid)
      if (job !== undefined) return jobEntry(job)
      return isJid(jid) && isQueued(jid) ? queuedEntry(jid, stored(jid), settings.agentPid) : emptyEntry()
    },
    findReturn: stored,
    forgetReturns: (keptForMs) => ledger.forget(keptForMs),
    signal(jid, signal) {
      const job = table.byJid(jid)
      if (job === undefined || jid === asker) return Promise.resolve('')
      if (job.state === 'returning') return Promise.resolve(`Job ${jid} was not running and job data has been cleaned up`)
      const processes = job.state === 'running' ? runner.processesOf(jid) : []
      const text = `Signal ${signal} sent to job ${jid} at pid ${processes[0]?.pid ?? job.pid}`
      for (const info of processes) signalProcess(info, signal)
      if (isEnding(signal)) {
        const reason = new JobEndedError(`was ended by signal ${signal}`, isKill(signal))
        if (job.state === 'waiting') settings.endWaiting(job, reason)
        else job.controller.abort(reason)
      }
      return Promise.resolve(text)
    },
  }
}

function emptyEntry(): JobEntry {
  return Object.create(null) as JobEntry
}

/** A finished job whose return the master has not taken yet: it is still ours to deliver, so it still exists. */
function queuedEntry(jid: string, stored: Value, pid: number): JobEntry {
  const ret: ValueObject = isObject(stored) ? stored : emptyEntry()
  const entry = emptyEntry()
  entry['fun'] = get(ret, 'fun') ?? ''
  entry['arg'] = get(ret, 'fun_args') ?? []
  entry['jid'] = jid
  entry['user'] = get(ret, 'user') ?? ''
  entry['pid'] = pid
  entry['state'] = 'queued'
  return entry
}
