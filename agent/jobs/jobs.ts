/**
 * Jobs from publication to return: targeted? → seen before? → received row → returners resolved → limit → started row →
 * run → return into the outbox. Questions about jobs leave no rows and wait for nothing.
 */
import { isTargeted } from '../matchers/match.ts'
import { errorText } from '../modules/error-text.ts'
import type { AgentServices } from '../modules/services.ts'
import { createJidSource } from '../wire/jid.ts'
import type { JobReturn } from '../wire/job-return.ts'
import type { Value } from '../wire/value.ts'
import { createAdmission } from './admission.ts'
import { keyFor } from './asker.ts'
import { createControl } from './control.ts'
import { createExecute } from './execute.ts'
import { reportInterrupted } from './interrupted.ts'
import { localLoad } from './local-job.ts'
import type { LocalJob, StartedJob } from './local-job.ts'
import { createPerformer } from './perform.ts'
import { createRefusal, QUESTIONS } from './policy.ts'
import { JobEndedError } from './process-runner.ts'
import { parsePublication } from './publication.ts'
import type { Publication } from './publication.ts'
import { endedText, failed, jobReturn, refusedText } from './result.ts'
import { runToEnd } from './run-job.ts'
import type { JobsDeps, JobsSettings } from './settings.ts'
import { createJobTable } from './table.ts'
import type { Job } from './table.ts'
import { createTwins } from './twins.ts'
import { createWaitingJobs } from './waiting.ts'

export interface Jobs {
  /** Takes a decrypted publication of a master (master-id.ts). Resolves when the job has its place or its answer; never rejects. */
  handle(load: unknown, master: string): Promise<void>
  /**
   * Runs a job that no master asked for beside the limit, and gives its return without storing it.
   *
   * @throws Error when the load is no publication.
   */
  runLocal(load: Value, signal?: AbortSignal): Promise<JobReturn>
  /**
   * Takes a job that no master asked for (a schedule's) the way of a publication: it gets a jid, a received and a started row,
   * waits for its place, and its one return goes into the outbox, also after a crash; with the destinations of `ret` and those
   * that are always on. `master`: the master that gets the return too; undefined for none. Resolves when the
   * received row is durable and the job has its place.
   *
   * @throws Error when it is no job, or the agent stops.
   */
  startLocal(job: LocalJob, master: string | undefined): Promise<StartedJob>
  /** Gives every job of the agent's last life its one return. Call before anything is received. Resolves with their number. */
  reportInterrupted(): Promise<number>
  counts(): { running: number; waiting: number }
  /**
   * Takes no more jobs, returns for those that wait, lets the running ones finish for `shutdownGraceMs` and ends the rest. A
   * second call ends them at once. Resolves when every return is accepted.
   */
  stop(): Promise<void>
}

const stopped = () => new JobEndedError('was ended because the minion stopped', false)
const stoppedText = 'The minion was stopped before this job ran. It was not run.'

/** The agent's jobs; nothing runs until the first publication. `agentPid`: shown for functions that run in the agent. */
export function createJobs(settings: JobsSettings, deps: JobsDeps, agentPid: number): Jobs {
  const { clock, log, ledger, runner } = deps
  const table = createJobTable()
  const waiting = createWaitingJobs({ maxJobs: settings.maxWaiting, maxBytes: settings.maxWaitingBytes })
  /** Publications between the received row and their place in the table. */
  const admitting = new Set<string>()
  /** Everything under way, for `stop`. */
  const underWay = new Set<Promise<unknown>>()
  const { run, finish } = createPerformer(settings, deps, table)
  // Minions whose clocks strike at once must not choose the same jid, hence the random microseconds.
  const nextJid = createJidSource(() => Math.floor(clock.now()) * 1000 + clock.random() * 1000)
  /** Ends the jobs of `runLocal`. */
  const apart = new Set<AbortController>()
  /** Slots taken. Small urgent jobs take none. */
  let slots = 0
  let stopping: { hurry: () => void; done: Promise<void> } | undefined

  const controlSettings = { table, ledger, runner, log, agentPid, masterDestination: deps.masterDestination, endWaiting }
  const execute = createExecute({
    minionId: settings.minionId,
    options: settings.options,
    multifuncOrdered: settings.multifuncOrdered,
    environment: settings.environment,
    registry: deps.registry,
    runner,
    grains: deps.grains,
    pillar: deps.pillar,
    services: (jid, master, signal): AgentServices => ({
      ...deps.services(master),
      jobs: createControl(controlSettings, jid, master),
      functions: deps.registry,
      command: (request) => runner.run(jid, request, signal),
      environment: settings.environment,
      options: settings.options,
    }),
    refusal: createRefusal({ masterFunctions: settings.masterFunctions, grains: deps.grains, pillar: deps.pillar }),
    log,
  })

  const admission = createAdmission(settings, deps, { execute, agentPid })
  const twins = createTwins()

  function track(work: Promise<unknown>): void {
    const tracked = work.catch((error: unknown) => log.error({ error: errorText(error) }, 'a job could not be handled'))
    underWay.add(tracked)
    void tracked.then(() => underWay.delete(tracked))
  }

  async function admit(publication: Publication, master: string): Promise<void> {
    const key = keyFor(master, publication.jid)
    const name = `${key.master} ${publication.jid}`
    if (table.has(key) || admitting.has(name)) return deps.wake(publication.jid, master)
    if (settings.severalMasters && twins.isTwin(publication, master)) {
      return log.info({ jid: publication.jid, master }, 'a job that another master has published already runs once: its return goes to that one')
    }
    admitting.add(name)
    try {
      const admitted = await admission(publication, master)
      if (admitted === 'seen') return deps.wake(publication.jid, master)
      table.enter(admitted.job)
      place(admitted.job, admitted.refused)
    } finally {
      admitting.delete(name)
    }
  }

  async function admitLocal(local: LocalJob, master: string | undefined): Promise<StartedJob> {
    for (;;) {
      const jid = nextJid()
      const publication = parsePublication(localLoad(local, jid, settings.minionId))
      if ('reason' in publication) throw new Error(`not a job: ${publication.reason}`)
      const { promise: over, resolve } = Promise.withResolvers<JobReturn | undefined>()
      const admitted = await admission(local.fromMaster === true ? publication : { ...publication, local: true }, master, resolve)
      // The clock went back to where it had been: this jid is taken.
      if (admitted === 'seen') continue
      table.enter(admitted.job)
      place(admitted.job, admitted.refused)
      return { jid, over }
    }
  }

  /** Runs it, lets it wait, or returns at once why it does neither. */
  function place(job: Job, refused: boolean): void {
    if (refused) track(finish(job, failed(refusedText)))
    else if (stopping !== undefined) track(finish(job, failed(stoppedText)))
    else if (job.prepared.immediate) track(run(job))
    else if (slots < settings.maxRunning) track(runInSlot(job))
    else {
      const full = waiting.add(job)
      if (full === undefined) return
      log.warn({ jid: job.key.jid, waiting: waiting.count() }, 'the queue of waiting jobs is full')
      track(finish(job, failed(`The job was not run: ${full}`)))
    }
  }

  async function runInSlot(job: Job): Promise<void> {
    slots += 1
    try {
      await run(job)
    } finally {
      slots -= 1
      const next = slots < settings.maxRunning ? waiting.next() : undefined
      if (next !== undefined) track(runInSlot(next))
    }
  }

  function endWaiting(job: Job, reason: JobEndedError): void {
    waiting.remove(job)
    track(finish(job, failed(endedText(job.publication, `${reason.message} before it ran`))))
  }

  async function answer(publication: Publication, master: string): Promise<void> {
    const prepared = await execute(publication, master)
    const result = await prepared.run(new AbortController().signal, undefined)
    deps.answers.answer(jobReturn(publication, settings.minionId, result, {}), master)
  }

  /** Without rows and without a slot; a stop waits for it, and ends it, as for any other. */
  async function runApart(publication: Publication, signal: AbortSignal | undefined): Promise<JobReturn> {
    const controller = new AbortController()
    apart.add(controller)
    try {
      const ends = signal === undefined ? controller.signal : AbortSignal.any([signal, controller.signal])
      const prepared = await execute(publication, undefined)
      const result = await runToEnd({ publication, prepared, signal: ends, process: undefined }, { runner, clock, killGraceMs: settings.killGraceMs })
      return jobReturn(publication, settings.minionId, result, {})
    } finally {
      apart.delete(controller)
    }
  }

  function accepts(load: unknown): Publication | undefined {
    const publication = parsePublication(load)
    if ('reason' in publication) {
      log.warn({ reason: publication.reason }, 'a publication was not understood')
      return undefined
    }
    const subject = { id: settings.minionId, grains: deps.grains(), pillar: deps.pillar(), nodegroups: settings.nodegroups }
    return isTargeted(publication.target, subject) ? publication : undefined
  }

  return {
    async handle(load, master) {
      const publication = accepts(load)
      if (publication === undefined) return
      const question = isQuestion(publication)
      if (stopping !== undefined && !question) return log.info({ jid: publication.jid }, 'a job came while the agent stops, and is not taken')
      const work = question ? answer(publication, master) : admit(publication, master)
      track(work)
      await work.catch(() => {})
    },
    async runLocal(load, signal) {
      const publication = parsePublication(load)
      if ('reason' in publication) throw new Error(`not a job: ${publication.reason}`)
      const running = runApart({ ...publication, local: true }, signal)
      track(running)
      return running
    },
    async startLocal(job, master) {
      if (stopping !== undefined) throw new Error('the agent stops and takes no more jobs')
      const started = admitLocal(job, master)
      track(started)
      return started
    },
    reportInterrupted: () => reportInterrupted(settings, deps),
    counts: () => ({ running: table.count('running'), waiting: waiting.count() }),
    stop() {
      if (stopping === undefined) stopping = beginStop()
      else stopping.hurry()
      return stopping.done
    },
  }

  function beginStop(): { hurry: () => void; done: Promise<void> } {
    for (const job of waiting.takeAll()) track(finish(job, failed(stoppedText)))
    const cancel = clock.timer(settings.shutdownGraceMs, endAll)
    return { hurry: endAll, done: allDone().finally(cancel) }
  }
  function endAll(): void {
    for (const job of table.all()) {
      if (job.state !== 'running') continue
      log.warn({ jid: job.key.jid }, 'a running job is ended because the minion stops')
      job.controller.abort(stopped())
    }
    for (const controller of apart) controller.abort(stopped())
  }
  async function allDone(): Promise<void> {
    while (underWay.size > 0) await Promise.all(underWay)
  }
}

/** A question about jobs is no result: it leaves no rows, unless a returner is asked for by name. */
function isQuestion(publication: Publication): boolean {
  return typeof publication.fun === 'string' && QUESTIONS.has(publication.fun) && publication.returners.names.length === 0
}
