/**
 * The composition root of `brine call`: runs one function in this process, so that it has the terminal's environment, working
 * directory and log, and hands its return to the one outbox of this host.
 */
import type { LoadedConfig } from '../../config/load.ts'
import { type Clock, systemClock } from '../clock.ts'
import { controlSocketPath } from '../control/protocol.ts'
import type { ReturnerRequest } from '../delivery/port.ts'
import type { Grains } from '../grains/grains.ts'
import { createExecute, type ExecuteSettings } from '../jobs/execute.ts'
import type { Publication } from '../jobs/publication.ts'
import { jobReturn } from '../jobs/result.ts'
import { runToEnd, type JobResult } from '../jobs/run-job.ts'
import type { Logger } from '../log.ts'
import { createMinionGrains } from '../minion/grains.ts'
import { createModules, type MinionModules } from '../minion/modules.ts'
import { hostSettings } from '../minion/settings.ts'
import { CommandExecutionError } from '../modules/contract.ts'
import type { FunctionDescription } from '../modules/description.ts'
import type { Lookup } from '../modules/registry.ts'
import type { JobControl } from '../modules/services.ts'
import type { ReturnerHost } from '../returner-host/host.ts'
import { createJidSource } from '../wire/jid.ts'
import type { JobReturn } from '../wire/job-return.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import { findAgent, type AgentAccess } from './agent-access.ts'
import { handOver, type Handed } from './hand-over.ts'
import { reachMaster, type MasterSide } from './master-side.ts'

export interface CallSettings {
  /** False for `--local`: no master is asked or told. */
  useMaster: boolean
  /** False for `--no-return-event`. */
  tellMaster: boolean
  skipGrains: boolean
  /** Longest wait for a connection to one master, milliseconds. */
  connectMs: number
  environment: Readonly<Record<string, string | undefined>>
  /** For the link, the store and the lanes: what they have to say is said once, at the end. */
  partsLog: Logger
}

export interface CallRequest {
  fun: string
  /** As a publication has them. */
  arg: Value[]
  /** As they were typed: what the return tells (Salt: cli/caller.py). */
  words: string[]
  metadata?: ValueObject
}

/** How a function ended. `error`: what it threw; the return has its text. */
export interface CallResult {
  ret: JobReturn
  error?: unknown
}

export interface Caller {
  lookup(fun: string): Promise<Lookup>
  list(): Promise<FunctionDescription[]>
  grains(): ValueObject
  /** Why there is no pillar, for people; undefined when there is one, or none was to be asked for. */
  readonly pillarTrouble: string | undefined
  run(request: CallRequest, signal: AbortSignal): Promise<CallResult>
  handOver(ret: JobReturn, returners: ReturnerRequest): Promise<Handed>
  close(): Promise<void>
}

/** Modules that are about the agent: where one runs, their functions run in it, as Salt's reach the minion over its event bus. */
const AGENT_MODULES: ReadonlySet<string> = new Set(['saltutil', 'schedule', 'sys'])

/** Collects the grains, finds the agent and the master, and the functions there are. */
export async function createCaller(loaded: LoadedConfig, log: Logger, settings: CallSettings): Promise<Caller> {
  const { config } = loaded
  const clock = systemClock
  const grains = createMinionGrains(loaded, clock, log)
  // Name servers, which may be what is down, are not asked.
  if (!settings.skipGrains) await grains.refresh({ quick: true })
  const agent = await findAgent(controlSocketPath(config.sock_dir))
  const master = await reachMaster({ agent, useMaster: settings.useMaster, connectMs: settings.connectMs }, { loaded, log: settings.partsLog, clock, grains })
  const { linkFor, pillar } = master
  const modules = createModules({
    loaded,
    log,
    clock,
    grains: agentGrains(grains, agent),
    pillar,
    linkFor,
    refreshReturners: () => Promise.resolve(),
    returners: () => withReturners(loaded, settings, clock, (host) => host.describeAll()),
    askReturner: (...asked) => withReturners(loaded, settings, clock, (host) => host.ask(...asked)),
  })
  const nextJid = createJidSource(() => Math.floor(clock.now()) * 1000 + clock.random() * 1000)
  return {
    lookup: (fun) => modules.registry.lookup(fun),
    list: () => modules.registry.list(),
    grains: () => grains.current(),
    pillarTrouble: master.trouble,
    async run(request, signal) {
      const publication = publicationOf(request, nextJid())
      const errors: unknown[] = []
      const result =
        agent !== undefined && AGENT_MODULES.has(request.fun.split('.')[0] ?? '')
          ? await agent.run({ ...publication.load, arg: publication.arg })
          : await runHere(publication, signal, executeSettings({ modules, grains, master, log, config, onError: (error) => errors.push(error) }), modules, clock)
      return { ret: returnOf(publication, config.id, result, request.words), ...(errors.length > 0 && { error: errors[0] }) }
    },
    handOver(ret, returners) {
      const tell = settings.useMaster && settings.tellMaster
      // One that is not connected is known by its pinned key.
      const known = master.links.filter(({ link }) => link.fingerprint !== undefined)
      const told = tell ? (known.find(({ link }) => link.state === 'connected') ?? known[0]) : undefined
      const to = { wanted: tell, master: told?.link.fingerprint }
      return handOver(ret, returners, to, { loaded, log: settings.partsLog, clock, links: master.links, environment: settings.environment })
    },
    close: () => master.close(),
  }
}

/** The returners of this host, for as long as it takes; where an agent runs, it answers for its own. */
async function withReturners<T>(loaded: LoadedConfig, { environment, partsLog }: CallSettings, clock: Clock, use: (host: ReturnerHost) => Promise<T>): Promise<T> {
  const { createReturnerHost } = await import('../returner-host/host.ts')
  const host = createReturnerHost(hostSettings(loaded.config, environment), { clock, logger: partsLog, config: () => loaded.raw })
  try {
    return await use(host)
  } finally {
    await host.close()
  }
}

/** What the call changes of this host's grains, the agent is to know, too. */
function agentGrains(grains: Grains, agent: AgentAccess | undefined): Pick<Grains, 'current' | 'refresh'> {
  return {
    current: () => grains.current(),
    async refresh(options) {
      const found = await grains.refresh(options)
      await agent?.run({ fun: 'saltutil.refresh_grains', arg: [], jid: 'call', tgt: 'salt-call' })
      return found
    },
  }
}

/** What Salt's `salt-call` gives a function to know of its job. */
function publicationOf({ fun, arg, metadata }: CallRequest, jid: string): Publication {
  const load: ValueObject = { fun, pid: process.pid, jid, tgt: 'salt-call', ...(metadata !== undefined && { metadata }) }
  const target = { tgt: 'salt-call', type: 'glob' }
  return { jid, fun, arg, target, returners: { names: [] }, load, local: true, ...(metadata !== undefined && { metadata }) }
}

function returnOf(publication: Publication, id: string, result: JobResult, words: string[]): JobReturn {
  return Object.freeze({ ...jobReturn(publication, id, result, {}), fun_args: words })
}

interface ExecuteParts {
  modules: MinionModules
  grains: Grains
  master: MasterSide
  log: Logger
  config: LoadedConfig['config']
  onError(error: unknown): void
}

function executeSettings({ modules, grains, master, log, config, onError }: ExecuteParts): ExecuteSettings {
  const { settings, registry, runner, services } = modules
  return {
    minionId: config.id,
    options: settings.options,
    multifuncOrdered: settings.multifuncOrdered,
    environment: settings.environment,
    registry,
    runner,
    grains: () => grains.current(),
    pillar: () => master.pillar.current(),
    services: (jid, _master, signal) => ({
      ...services(undefined),
      jobs: noJobs,
      functions: registry,
      command: (request) => runner.run(jid, request, signal),
      environment: settings.environment,
      options: settings.options,
    }),
    // The operator of the host is under no rule made for masters.
    refusal: () => undefined,
    onError,
    log,
  }
}

async function runHere(publication: Publication, signal: AbortSignal, execute: ExecuteSettings, { runner, settings }: MinionModules, clock: Clock): Promise<JobResult> {
  const prepared = await createExecute(execute)(publication, undefined)
  return runToEnd({ publication, prepared, signal, process: undefined }, { runner, clock, killGraceMs: settings.killGraceMs })
}

/** No agent runs, so no job does. What is kept of earlier ones is in the store, which this process does not hold while it runs. */
const noJobs: JobControl = {
  running: () => [],
  find: () => ({}),
  signal: () => Promise.resolve(''),
  findReturn(jid) {
    throw new CommandExecutionError(`No minion runs here. To look into its store, run: brine outbox show ${jid}`)
  },
  forgetReturns: () => Promise.reject(new CommandExecutionError('No minion runs here, and only a running one removes returns from its store')),
}
