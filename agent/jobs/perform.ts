import { errorText } from '../modules/error-text.ts'
import { StoreUnavailableError } from '../outbox/port.ts'
import type { JobReturn } from '../wire/job-return.ts'
import { openJobProcess } from './job-process.ts'
import type { JobProcess } from './job-process.ts'
import { createLoopWatch } from './loop-watch.ts'
import { functionLabel } from './publication.ts'
import { failed, jobReturn, refusedText, threw } from './result.ts'
import { runToEnd } from './run-job.ts'
import type { JobResult } from './run-job.ts'
import type { JobsDeps, JobsSettings } from './settings.ts'
import type { Job, JobTable } from './table.ts'

/** The way of a job from its slot to its accepted return. */
export interface Performer {
  /** Records the start, runs the functions, hands the return over. */
  run(job: Job): Promise<void>
  /** Hands a return over for a job that does not run, or no longer. */
  finish(job: Job, result: JobResult): Promise<void>
}

/** Runs jobs that have their place in the table. */
export function createPerformer(settings: JobsSettings, deps: JobsDeps, table: JobTable): Performer {
  const { clock, log, ledger, intake, runner } = deps
  const watch = createLoopWatch({ clock, log, limitMs: settings.blockedLoopMs })

  async function run(job: Job): Promise<void> {
    const { publication, prepared } = job
    let process: JobProcess | undefined
    let result: JobResult
    table.moveTo(job, 'running')
    try {
      process = prepared.isolated ? openJobProcess(runner, job.key.jid, settings.environment) : undefined
      if (process !== undefined) table.moveTo(job, 'running', process.pid)
      result = (await start(job, process)) ? await watched(job, process) : failed(refusedText)
    } catch (error) {
      result = threw(functionLabel(publication.fun), '', error)
    } finally {
      process?.close()
    }
    await finish(job, result)
  }

  /** The started row: durable before the function runs. False when the store cannot take it and jobs are to be refused then. */
  async function start(job: Job, process: JobProcess | undefined): Promise<boolean> {
    if (!job.stored) return true
    try {
      await (process?.mark === undefined ? ledger.start(job.key) : ledger.start(job.key, process.mark))
      return true
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      log.error({ jid: job.key.jid, error: error.message }, 'the start of a job could not be recorded')
      return settings.onStoreFailure === 'run'
    }
  }

  async function watched(job: Job, process: JobProcess | undefined): Promise<JobResult> {
    const leave = process === undefined ? watch.enter(job.key.jid) : () => {}
    try {
      const { publication, prepared, controller } = job
      return await runToEnd({ publication, prepared, signal: controller.signal, process }, { runner, clock, killGraceMs: settings.killGraceMs })
    } finally {
      leave()
    }
  }

  async function finish(job: Job, result: JobResult): Promise<void> {
    let accepted: JobReturn | undefined
    table.moveTo(job, 'returning')
    try {
      accepted = await hand(jobReturn(job.publication, settings.minionId, result, job.routing.errors), job)
    } finally {
      table.leave(job)
      job.over?.(accepted)
    }
  }

  /** A result that cannot be stored as it is (too large, not encodable) still gives a return that says so. */
  async function hand(ret: JobReturn, job: Job): Promise<JobReturn> {
    try {
      await intake.accept(ret, job.routing, job.key)
      return ret
    } catch (error) {
      log.error({ jid: job.key.jid, error: errorText(error) }, 'a return could not be accepted')
      const result = failed(`The function ended, but its return could not be accepted: ${errorText(error)}`)
      const instead = jobReturn(job.publication, settings.minionId, result, job.routing.errors)
      await intake.accept(instead, job.routing, job.key)
      return instead
    }
  }

  return { run, finish }
}
