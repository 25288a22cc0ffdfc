import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../agent/clock.ts'
import type { Clock } from '../../../agent/clock.ts'
import { createDatastore } from '../../../agent/datastore.ts'
import type { ReturnerRequest, Routing } from '../../../agent/delivery/port.ts'
import { createFileClient } from '../../../agent/files/client.ts'
import type { OuterServices } from '../../../agent/jobs/settings.ts'
import { createJobs } from '../../../agent/jobs/jobs.ts'
import type { Jobs } from '../../../agent/jobs/jobs.ts'
import { masterMayName, QUESTIONS, refusalToMaster } from '../../../agent/jobs/policy.ts'
import { createProcessRunner } from '../../../agent/jobs/process-runner.ts'
import type { ProcessRunner } from '../../../agent/jobs/process-runner.ts'
import { listProcesses } from '../../../agent/jobs/processes.ts'
import { JOB_DEFAULTS } from '../../../agent/jobs/settings.ts'
import type { JobLedger, JobsSettings } from '../../../agent/jobs/settings.ts'
import { scanSiteModules } from '../../../agent/jobs/site-modules.ts'
import type { Logger } from '../../../agent/log.ts'
import { builtinModules } from '../../../agent/modules/builtins.ts'
import { lookupOption } from '../../../agent/modules/option-lookup.ts'
import { createRegistry, failedFiles } from '../../../agent/modules/registry.ts'
import type { BuiltinModules } from '../../../agent/modules/registry.ts'
import type { ProcessMark, ReceivedJob, UnfinishedJob } from '../../../agent/outbox/port.ts'
import { createScheduleControl } from '../../../agent/schedule/control.ts'
import { createSchedule } from '../../../agent/schedule/schedule.ts'
import type { Schedule } from '../../../agent/schedule/schedule.ts'
import { encode } from '../../../agent/wire/msgpack.ts'
import type { JobReturn } from '../../../agent/wire/job-return.ts'
import type { ValueObject } from '../../../agent/wire/value.ts'
import { until } from '../../helpers/until.ts'

export const master = 'aa:bb'

/** An outbox's job half in memory, that tells in which order it was used. */
export interface FakeLedger extends JobLedger {
  received: Map<string, ReceivedJob>
  started: Map<string, ProcessMark | undefined>
  queued: Map<string, JobReturn>
  left: UnfinishedJob[]
}

export interface LogLine {
  level: string
  message: string
  fields: Record<string, unknown>
}

export interface Harness {
  jobs: Jobs
  /** Not started: tests of its functions and of its runs start it. */
  schedule: Schedule
  ledger: FakeLedger
  runner: ProcessRunner
  directory: string
  /** Everything that happened, in order: `received J`, `started J`, `accepted J`, `answered J`, `woken J`. */
  events: string[]
  accepted: { ret: JobReturn; routing: Routing; job: { master: string; jid: string } | undefined }[]
  answered: { ret: JobReturn; master: string }[]
  logs: LogLine[]
  /** Publishes to this minion. */
  publish: (fields: ValueObject) => Promise<void>
  /** Publishes and waits for the accepted return. */
  run: (fun: string, arg?: unknown[], fields?: Record<string, unknown>) => Promise<JobReturn>
  /** Waits for the accepted return of a job. */
  returned: (jid: string) => Promise<JobReturn>
  /** Asks a question and waits for its answer. */
  ask: (fun: string, arg?: unknown[]) => Promise<JobReturn>
  /** Gives whatever is ready several turns, and says which jobs are still there. */
  settled: () => Promise<unknown>
  close: () => Promise<void>
}

export interface HarnessOptions {
  settings?: Partial<JobsSettings>
  clock?: Clock
  grains?: ValueObject | (() => ValueObject)
  pillar?: ValueObject
  moduleDirs?: string[]
  /** Built-in modules that stand for those of the same name. */
  builtins?: BuiltinModules
  /** disable_modules, whitelist_modules. */
  disabled?: string[]
  whitelist?: string[]
  /** False for a minion that runs without one. */
  hasMaster?: boolean
  /** The `schedule` of the configuration. */
  schedule?: ValueObject
  services?: Partial<OuterServices>
  outputLimitBytes?: number
  ledger?: Partial<JobLedger>
  route?: (request: ReturnerRequest, master: string | undefined) => Routing
  accept?: (ret: JobReturn) => Promise<void>
}

let lastJid = 0

/** A new job id in Salt's form. */
export function newJid(): string {
  lastJid += 1
  return `20260101000000${String(lastJid).padStart(6, '0')}`
}

/** Real jobs, registry, modules and processes between fake ports. */
export function createHarness(options: HarnessOptions = {}): Harness {
  const directory = mkdtempSync(join(tmpdir(), 'brine-jobs-'))
  const clock = options.clock ?? systemClock
  const events: string[] = []
  const accepted: Harness['accepted'] = []
  const answered: Harness['answered'] = []
  const logs: LogLine[] = []
  const log = memoryLogger(logs)
  const runner = createProcessRunner({ instance: directory, killGraceMs: options.settings?.killGraceMs ?? 300, clock })
  const settings = settingsFor(directory, options)
  const ledger = fakeLedger(events, options)
  const given = options.grains ?? { id: 'web1', os: 'Debian', saltversion: '3007.8' }
  const grains = (): ValueObject => (typeof given === 'function' ? given() : given)
  const pillar = () => options.pillar ?? {}
  const places = () => ({ options: settings.options, grains: grains(), pillar: pillar() })
  const registry = createRegistry({
    builtins: { ...builtinModules, ...options.builtins },
    disabled: options.disabled ?? [],
    whitelist: options.whitelist ?? [],
    alwaysThere: QUESTIONS,
    scan: () =>
      scanSiteModules({ directories: options.moduleDirs ?? [], runner, clock, log, environment: settings.environment, places, loadTimeoutMs: 3000 }),
    virtualContext: () => ({ grains: grains(), log, config: (name) => lookupOption(name, places()) }),
    log,
  })
  const schedule = createSchedule(options.schedule ?? {}, {
    clock,
    log,
    pillar,
    grains,
    scheduleReturner: [],
    hasMaster: options.hasMaster ?? true,
    masterMayName: (name, retConfig) => masterMayName(name, retConfig, settings.masterReturners),
    master: () => master,
    start: (job, to) => jobs.startLocal(job, to),
  })
  const jobs = createJobs(
    settings,
    {
      clock,
      log,
      ledger,
      intake: {
        route: async (request, to) => options.route?.(request, to) ?? { destinations: [], errors: {} },
        async accept(ret, routing, job) {
          await options.accept?.(ret)
          encode(ret)
          events.push(`accepted ${ret.jid}`)
          accepted.push({ ret, routing, job })
        },
      },
      answers: {
        answer(ret, to) {
          events.push(`answered ${ret.jid}`)
          answered.push({ ret, master: to })
        },
      },
      registry,
      runner,
      grains,
      pillar,
      wake: (jid) => void events.push(`woken ${jid}`),
      masterDestination: (fingerprint) => `master:${fingerprint}`,
      services: () => ({
        master: { request: () => Promise.reject(new Error('no master is connected')) },
        clock,
        askReturner: () => Promise.reject(new Error('there are no returners')),
        masterless: false,
        datastore: createDatastore(join(directory, 'cache')),
        files: (signal) =>
          Promise.resolve(
            createFileClient({
              minionId: 'web1', cachedir: join(directory, 'cache'), hashType: 'sha256', bufferSize: 1024, signal, log,
              ask: () => Promise.reject(new Error('no file server is there')),
            }),
          ),
        user: { uid: process.getuid?.() ?? 0, name: userInfo().username, home: userInfo().homedir },
        outputLimitBytes: options.outputLimitBytes ?? 64 * 1024 * 1024,
        newKeys: () => Promise.resolve(),
        siteFailures: async (kind) => (kind === 'modules' ? failedFiles(await registry.notLoaded('files')) : []),
        refreshGrains: () => Promise.resolve(),
        returners: () => Promise.resolve([]),
        changeGrains: (decide) => Promise.resolve(decide(grains()).answer),
        refreshPillar: () => Promise.resolve(true),
        compilePillar: () => Promise.reject(new Error('no master is connected')),
        refreshModules: () => registry.refresh(),
        refusedToMaster: refusalToMaster(settings.masterFunctions),
        schedule: createScheduleControl(schedule, join(directory, 'minion.d', '_schedule.conf')),
        ...options.services,
      }),
    },
    process.pid,
  )
  const returned = async (jid: string): Promise<JobReturn> =>
    until(() => accepted.find(({ ret }) => ret.jid === jid)?.ret, `the return of ${jid} is accepted`, 20_000)
  const publish = (fields: ValueObject) => jobs.handle({ tgt: 'web*', tgt_type: 'glob', ret: '', user: 'root', arg: [], ...fields }, master)
  async function ask(fun: string, arg: unknown[] = []): Promise<JobReturn> {
    const jid = newJid()
    await publish({ fun, arg, jid } as ValueObject)
    return until(() => answered.find(({ ret }) => ret.jid === jid)?.ret, `${fun} is answered`)
  }
  return {
    jobs,
    schedule,
    ledger,
    runner,
    directory,
    events,
    accepted,
    answered,
    logs,
    publish,
    returned,
    async run(fun, arg = [], fields = {}) {
      const jid = newJid()
      await publish({ fun, arg, jid, ...fields } as ValueObject)
      return returned(jid)
    },
    ask,
    async settled() {
      // A job without obstacles is through with all of this in less than three questions.
      await registry.lookup('test.ping')
      for (let round = 0; round < 3; round++) await ask('saltutil.running')
      return (await ask('saltutil.running')).return
    },
    async close() {
      schedule.stop()
      const stopped = jobs.stop()
      await Promise.all([stopped, jobs.stop()])
      for (const info of [...runner.allProcesses().values()].flat()) process.kill(info.pid, 'SIGKILL')
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function settingsFor(directory: string, options: HarnessOptions): JobsSettings {
  return {
    minionId: 'web1',
    instance: directory,
    ...JOB_DEFAULTS,
    killGraceMs: 300,
    multifuncOrdered: false,
    severalMasters: true,
    onStoreFailure: 'run',
    survivors: 'end',
    options: {},
    nodegroups: {},
    environment: { PATH: process.env['PATH'] ?? '', HOME: directory },
    ...options.settings,
  }
}

function fakeLedger(events: string[], options: HarnessOptions): FakeLedger {
  const received = new Map<string, ReceivedJob>()
  const started = new Map<string, ProcessMark | undefined>()
  const queued = new Map<string, JobReturn>()
  const left: UnfinishedJob[] = []
  return {
    received,
    started,
    queued,
    left,
    async receive(job) {
      await options.ledger?.receive?.(job)
      if (received.has(job.jid)) return 'seen'
      received.set(job.jid, job)
      events.push(`received ${job.jid}`)
      return 'new'
    },
    async start(key, mark) {
      await options.ledger?.start?.(key, mark)
      started.set(key.jid, mark)
      events.push(`started ${key.jid}`)
    },
    unfinished: () => left,
    isQueued: (jid) => queued.has(jid),
    async forget(keptForMs) {
      events.push(`forget ${keptForMs}`)
    },
    findReturn: (jid) => (queued.has(jid) ? encode(queued.get(jid)) : null),
  }
}

function memoryLogger(lines: LogLine[]): Logger {
  const write = (level: string) => (fields: object, message: string) => void lines.push({ level, message, fields: { ...fields } })
  const log: Logger = { trace: write('trace'), debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error'), child: () => log }
  return log
}

/** Whether a process is there (a zombie is not). */
export function isAlive(pid: number): boolean {
  return listProcesses().some((info) => info.pid === pid)
}
