import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { suggestName } from '../../config/problems.ts'
import type { TargetFinding } from '../../returners/contract.ts'
import type { Clock } from '../clock.ts'
import type { Destination, ReturnerCatalogue } from '../delivery/port.ts'
import type { Logger } from '../log.ts'
import type { DestinationRef } from '../outbox/port.ts'
import { childProgram, startProcess } from './child-process.ts'
import { createDestination, destinationRef, readSpec, type ReturnerSpec } from './destination.ts'
import type { Description } from './definition.ts'
import { cleanEnvironment } from './environment.ts'
import { operatorFailure, scrub } from './failure.ts'
import { createInlineRunner } from './inline-runner.ts'
import { endLeftovers, returnerProcesses } from './leftovers.ts'
import { type AskResult, askOnce } from './ask.ts'
import { createLibrary, type Library, type LibraryEntry, listing, type ReturnerListing } from './library.ts'
import { type OptionsRequest, type Prepared, prepareOptions } from './prepare.ts'
import { createProcessRunner } from './process-runner.ts'
import { refuseMasterKwargs } from './master-kwargs.ts'
import type { LoadSpec, Question } from './protocol.ts'
import { createRuleBook } from './rule-book.ts'
import { leftOutBy } from './filter.ts'
import { createRenewableRunner, type RenewableRunner } from './renewable-runner.ts'
import { nothing, type RunnerLimits } from './runner.ts'
import type { SourceSettings } from './sources.ts'
import { loadLook } from './start-process.ts'

export type { TargetFinding }

export interface ReturnerHostSettings extends SourceSettings, RunnerLimits {
  /** Largest return that any returner gets, bytes of JSON; a larger one is cut. */
  maxRecordBytes: number
  minionId: string
  /** The agent's directory for returners: working directory of their processes. Made when missing, 0700. */
  stateDir: string
  /** The agent's `cachedir`, for returners that keep what Salt keeps there. */
  cacheDir: string
  /** Returners that no job may use. */
  disabled: readonly string[]
  /** Options of returners that a master may set in `ret_kwargs` beside the harmless ones: `returner.option`, `returner.*` or `*`. */
  masterKwargs: readonly string[]
  /** The agent's environment: for secrets named by `{env: NAME}`; a returner sees only a few harmless variables. */
  environment: Readonly<Record<string, string | undefined>>
  /** How long `resolve` waits for a site returner to be looked into before it takes it as it is. */
  resolveWaitMs: number
}

export interface ReturnerHostDeps {
  clock: Clock
  logger: Logger
  /** The merged raw configuration as it is now. */
  config: () => Readonly<Record<string, unknown>>
}

/** Whether a returner opens with today's options. */
export type TestResult = { ok: true } | { ok: false; error: string }

/** What a returner found at its target, or why it could not look. */
export type LookResult = { ok: true; findings: TargetFinding[] | null } | { ok: false; error: string }

export interface ReturnerHost {
  catalogue: ReturnerCatalogue
  list(): ReturnerListing[]
  /** Looks into one returner; `description` is null when it does not load. @throws Error when there is none of that name */
  describe(name: string): Promise<{ listing: ReturnerListing; description: Description | null }>
  /** Looks into every returner that is not ours, so that one that does not load is told of before a job needs it. */
  describeSite(): Promise<void>
  /** Looks into every returner, ours too, and says what is known of each; `reason` when it cannot be used. */
  describeAll(): Promise<{ name: string; summary: string; options: Description['options']; reason: string | null }[]>
  /** Finds new and changed files, and starts every site returner anew after its running call. Resolves when all were looked into. */
  refresh(): Promise<ReturnerListing[]>
  /** Loads and opens a returner as a destination would, sends nothing, closes it. */
  test(name: string, request?: OptionsRequest): Promise<TestResult>
  /**
   * What a returner says about its target, in a process of its own; `create`: it makes what is missing there, however long that takes.
   * `findings` is null when it does not look at targets.
   */
  look(name: string, request: OptionsRequest, create: boolean): Promise<LookResult>
  /** Asks a returner that is a job cache for what it stored, in a process of its own. */
  ask(name: string, request: OptionsRequest, question: Question, args: string[]): Promise<AskResult>
  /** Ends all returners and their processes. Does not wait for ever: one that cannot be ended, since it hangs in the kernel, is logged and left. */
  close(): Promise<void>
}

/** Settings that no site needs to change. */
export const hostDefaults = {
  graceMs: 2000,
  resolveWaitMs: 1000,
  // More than the largest output that jobs keep by default, 64 MiB, with what is around it.
  maxRecordBytes: 96 * 1024 * 1024,
  masterKwargs: [],
} as const satisfies Partial<ReturnerHostSettings>

/** What a stop may take beside the two times of grace: for the last output, and the next turns of a busy agent. */
const stopSlackMs = 1000

/** An index over a large table takes its time. */
const longestMakingMs = 3_600_000

interface OpenDestination {
  name: string
  runner: RenewableRunner
  spec: ReturnerSpec
}

/** Finds, loads, isolates and calls returners. */
export function createReturnerHost(settings: ReturnerHostSettings, deps: ReturnerHostDeps): ReturnerHost {
  const { clock, logger } = deps
  mkdirSync(settings.stateDir, { recursive: true, mode: 0o700 })
  const leftovers = endLeftovers(childProgram, settings.stateDir)
  if (leftovers > 0) logger.warn({ processes: leftovers }, 'ended returner processes that an earlier agent left behind')

  const child = { environment: cleanEnvironment(settings.environment), stateDir: settings.stateDir }
  const library = createLibrary({ ...settings, child: { ...child, memoryLimitBytes: settings.memoryLimitBytes } }, clock, logger)
  const open = new Set<OpenDestination>()
  const rules = createRuleBook(deps.config, (name) => library.get(name)?.description?.configNames)
  const prepare = (spec: ReturnerSpec) => prepareNow(library, spec, settings, deps, true)

  function createRunner(ref: DestinationRef, spec: ReturnerSpec): RenewableRunner {
    const stateDir = join(settings.stateDir, spec.returner)
    makeDirectory(stateDir)
    const prepareStart = () => {
      makeDirectory(stateDir)
      return prepare(spec)
    }
    const context = { minionId: settings.minionId, destination: ref.name, stateDir, cacheDir: settings.cacheDir }
    const log = logger.child({ destination: ref.name })
    const inProcess = () => createProcessRunner({ limits: settings, child, context, prepare: prepareStart }, clock, log)
    return createRenewableRunner(async () => {
      const entry = await library.describe(spec.returner)
      // Patterns may take long on a hostile text: nothing of the agent waits for them.
      const hasPatterns = (rules(spec.returner, spec.retConfig).redaction?.patterns ?? []).length > 0
      if (entry?.definition?.isolation !== 'inline' || hasPatterns) return inProcess()
      return createInlineRunner({ limits: settings, definition: entry.definition, context, prepare: prepareStart }, clock)
    })
  }

  function openDestination(ref: DestinationRef): Destination {
    const spec = readSpec(ref)
    usable(library, spec.returner)
    const opened: OpenDestination = { name: ref.name, runner: createRunner(ref, spec), spec }
    open.add(opened)
    const traits = () => {
      const { maxBatch = Infinity, lingerMs, viewVersion } = rules(spec.returner, spec.retConfig)
      return { maxBatch: Math.min(maxBatch, library.get(spec.returner)?.description?.maxBatch ?? 1), lingerMs, viewVersion }
    }
    return createDestination(ref.name, opened.runner, traits, () => open.delete(opened))
  }

  const isBuiltIn = (name: string) => library.get(name)?.source.load.kind === 'built-in'

  /** Ours are known to load, and their code stays out of memory until a job needs it. */
  async function describeSite(): Promise<void> {
    // One after the other: a directory full of returners must not start a crowd of processes.
    for (const name of library.names()) if (!isBuiltIn(name)) await library.describe(name)
  }

  async function describeAll(): Promise<{ name: string; summary: string; options: Description['options']; reason: string | null }[]> {
    for (const name of library.names()) await library.describe(name)
    return library.names().map((name) => {
      const entry = library.get(name)
      const reason = entry?.disabled === true ? 'it is disabled here' : (entry?.error ?? null)
      return { name, summary: entry?.description?.summary ?? '', options: entry?.description?.options ?? [], reason }
    })
  }

  async function refresh(): Promise<ReturnerListing[]> {
    const changeable = new Set([...open].filter(({ spec }) => !isBuiltIn(spec.returner)))
    library.rescan()
    for (const one of open) if (changeable.has(one) || !isBuiltIn(one.spec.returner)) one.runner.renew()
    await describeSite()
    return library.list()
  }

  /** True when it has stopped in the time that a stop can take. A process that hangs in the kernel takes no signal. */
  async function stopInTime(runner: RenewableRunner): Promise<boolean> {
    let cancel = nothing
    const late = new Promise<false>((resolve) => {
      cancel = clock.timer(2 * settings.graceMs + stopSlackMs, () => resolve(false))
    })
    const inTime = await Promise.race([runner.stop().then(() => true), late])
    cancel()
    return inTime
  }

  async function close(): Promise<void> {
    const stops = await Promise.all([...open].map(async ({ runner, name }) => ({ name, stopped: await stopInTime(runner) })))
    open.clear()
    const left = stops.flatMap(({ name, stopped }) => (stopped ? [] : [name]))
    if (left.length === 0) return
    logger.error({ destinations: left, processes: returnerProcesses(childProgram, settings.stateDir) }, 'returner processes could not be ended and are left behind')
  }

  async function look(name: string, request: OptionsRequest, create: boolean): Promise<LookResult> {
    const target = destinationRef(name, request)
    if ('error' in target) return { ok: false, error: target.error }
    try {
      usable(library, name)
    } catch (error) {
      return { ok: false, error: messageOf(error) }
    }
    const prepared = await prepare(target.spec)
    if (!prepared.ok) return { ok: false, error: prepared.failure.message }
    if ((await library.describe(name))?.description?.checks !== true) return { ok: true, findings: null }
    const hide = (text: string) => scrub(text, prepared.secrets)
    const process = startProcess({ ...child, memoryLimitBytes: settings.memoryLimitBytes, scrub: hide }, clock, logger)
    try {
      const context = { minionId: settings.minionId, destination: target.ref.name, stateDir: settings.stateDir, cacheDir: settings.cacheDir }
      const looked = await loadLook(process, prepared, { context, create }, create ? longestMakingMs : settings.startTimeoutMs, clock)
      return looked.ok ? looked : { ok: false, error: hide(looked.failure.message) }
    } finally {
      process.kill('no longer needed')
      await process.ended
    }
  }

  async function ask(name: string, request: OptionsRequest, question: Question, args: string[]): Promise<AskResult> {
    const target = destinationRef(name, request)
    if ('error' in target) return { ok: false, error: target.error }
    try {
      usable(library, name)
    } catch (error) {
      return { ok: false, error: messageOf(error) }
    }
    const prepared = await prepare(target.spec)
    if (!prepared.ok) return { ok: false, error: prepared.failure.message }
    const known = (await library.describe(name))?.description?.jobCache ?? []
    if (!known.includes(question)) return { ok: false, error: `the returner "${name}" cannot be read: it has no ${question}` }
    const hide = (text: string) => scrub(text, prepared.secrets)
    const context = { minionId: settings.minionId, destination: target.ref.name, stateDir: settings.stateDir, cacheDir: settings.cacheDir }
    const inChild = { ...child, memoryLimitBytes: settings.memoryLimitBytes, scrub: hide }
    const answered = await askOnce({ prepared, context, question, args, child: inChild, limits: settings }, clock, logger)
    return answered.ok ? answered : { ok: false, error: hide(answered.error) }
  }

  return {
    look,
    ask,
    catalogue: {
      resolve: (name, request) => resolveReturner(library, name, request, settings, deps),
      open: openDestination,
      leftOut(ref, facts) {
        const { returner, retConfig } = readSpec(ref)
        return leftOutBy(rules(returner, retConfig).filter, facts)
      },
    },
    list: () => library.list(),
    async describe(name) {
      const entry = await library.describe(name)
      if (entry === undefined) throw unknownReturner(library, name)
      return { listing: listing(entry), description: entry.description ?? null }
    },
    describeSite,
    describeAll,
    refresh,
    async test(name, request = {}) {
      const target = destinationRef(name, request)
      if ('error' in target) return { ok: false, error: target.error }
      try {
        usable(library, name)
      } catch (error) {
        return { ok: false, error: messageOf(error) }
      }
      const runner = createRunner(target.ref, target.spec)
      const failure = await runner.probe()
      await stopInTime(runner)
      return failure === null ? { ok: true } : { ok: false, error: failure.message }
    },
    close,
  }
}

/** @throws Error with the reason when no job may use the returner. */
function usable(library: Library, name: string): LibraryEntry {
  const entry = library.get(name)
  if (entry === undefined) throw unknownReturner(library, name)
  if (entry.disabled) throw new Error(`the returner "${name}" is disabled here`)
  return entry
}

function unknownReturner(library: Library, name: string): Error {
  const near = suggestName(name, library.names())
  return new Error(`there is no returner "${name.slice(0, 64)}"${near === undefined ? '' : `; did you mean "${near}"?`}`)
}

/** `again`: also looks anew at what did not load. That is for who sends, not for a job that only wants to know. */
async function prepareNow(
  library: Library,
  spec: ReturnerSpec,
  settings: ReturnerHostSettings,
  deps: ReturnerHostDeps,
  again = false,
): Promise<Prepared> {
  const options = (load: LoadSpec, description: Description) => prepareOptions(load, description, spec, deps.config(), settings)
  const source = library.get(spec.returner)?.source
  const entry = await library.describe(spec.returner, source && ((description) => options(source.load, description)), again)
  if (entry === undefined) return { ok: false, failure: operatorFailure(`the returner "${spec.returner}" is no longer there`), configured: true }
  if (entry.description === undefined) {
    const message = `the returner "${spec.returner}" does not load: ${entry.error}`
    return { ok: false, failure: entry.cutOff === true ? { message } : operatorFailure(message), configured: true }
  }
  return options(entry.source.load, entry.description)
}

/**
 * Says at once when no job can ever reach the returner: unknown, disabled, not configured at all, or asked for with options
 * it does not have. A returner that is there but broken keeps its returns: `problem` says what an operator has to mend.
 */
async function resolveReturner(library: Library, name: string, request: OptionsRequest, settings: ReturnerHostSettings, deps: ReturnerHostDeps) {
  const target = destinationRef(name, request)
  try {
    usable(library, name)
  } catch (error) {
    return { error: messageOf(error) }
  }
  if ('error' in target) return target
  const { ref, spec } = target
  if (request.fromMaster === true && spec.retKwargs !== undefined) {
    // Asked with all patience: what is not known to be harmless is refused.
    const description = (await library.describe(name))?.description
    const refusal = description && refuseMasterKwargs(description, spec.retKwargs, settings.masterKwargs)
    if (refusal !== undefined) return { error: refusal }
    if (description === undefined) return { error: `the returner "${name}" does not load: no ret_kwargs are taken for it` }
  }
  const looked = lookInto(library, spec, settings, deps).then((fault) => {
    if (fault === null) return { ref }
    return fault.hopeless ? { error: fault.message } : { ref, problem: fault.message }
  })
  // The job must not wait for a returner that hangs while it loads: its returns are queued, its lane will say what is wrong.
  let cancel = nothing
  const patience = new Promise<{ ref: DestinationRef }>((resolve) => {
    cancel = deps.clock.timer(settings.resolveWaitMs, () => resolve({ ref }))
  })
  const result = await Promise.race([looked, patience])
  cancel()
  return result
}

async function lookInto(
  library: Library,
  spec: ReturnerSpec,
  settings: ReturnerHostSettings,
  deps: ReturnerHostDeps,
): Promise<{ message: string; hopeless: boolean } | null> {
  const prepared = await prepareNow(library, spec, settings, deps)
  const ownFault = spec.retKwargs !== undefined
  // A process that was cut off says nothing about what the job asked for.
  if (!prepared.ok) return { message: prepared.failure.message, hopeless: !prepared.configured || (ownFault && prepared.failure.code !== undefined) }
  for (const warning of prepared.warnings) deps.logger.debug({ warning }, 'an option is not a returner\'s')
  const { faults, sure } = await library.faults(spec.returner, prepared)
  return faults.length === 0 ? null : { message: faults.join('; '), hopeless: ownFault && sure }
}

/** Also at every start: what was there may have been taken away. Who needs it and does not find it says so. */
function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch {
    // A returner may do without, and a process that cannot start there is a failure of its own.
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
