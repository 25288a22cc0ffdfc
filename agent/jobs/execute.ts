/** Runs the functions of a publication and says how each ended. Knows no queue, no rows and no master. */
import type { Logger } from '../log.ts'
import { globMatch } from '../matchers/glob.ts'
import { pythonStr } from '../matchers/python-text.ts'
import { bindArguments } from '../modules/bind.ts'
import type { BoundArguments, CallArguments } from '../modules/bind.ts'
import { InvocationError } from '../modules/contract.ts'
import { lookupOption } from '../modules/option-lookup.ts'
import type { Lookup, Registry } from '../modules/registry.ts'
import type { AgentServices, BuiltinContext } from '../modules/services.ts'
import { toValue } from '../modules/to-value.ts'
import { get } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import type { JobReturn } from '../wire/job-return.ts'
import { parseArguments } from './arguments.ts'
import { openJobProcess } from './job-process.ts'
import type { JobProcess, TaskHooks } from './job-process.ts'
import type { Task } from './job-process-protocol.ts'
import type { ProcessRunner } from './process-runner.ts'
import { callProgram } from './program-module.ts'
import type { Publication } from './publication.ts'
import { failed, genericFailure, joinOutcomes, missingFunction, scheduledFailure, succeeded, threw } from './result.ts'
import type { Outcome } from './result.ts'

export interface ExecuteSettings {
  minionId: string
  /** The minion's options, as modules may read them. */
  options: ValueObject
  multifuncOrdered: boolean
  environment: Readonly<Record<string, string>>
  registry: Registry
  runner: ProcessRunner
  grains: () => ValueObject
  pillar: () => ValueObject
  /** What built-in modules may use, for a job of a master (undefined: of nobody). */
  services(jid: string, master: string | undefined, signal: AbortSignal): AgentServices
  /** Why a function must not run for who asked for it; undefined when it may. */
  refusal(fun: string, publication: Publication): string | undefined
  /** Told what a called function threw, before it becomes a text. */
  onError?(error: unknown): void
  log: Logger
}

/** A publication whose functions are known, ready to run. */
export interface PreparedJob {
  /** True when every function is marked as small and urgent. */
  immediate: boolean
  /** True when a function runs in a process of its own. */
  isolated: boolean
  /** Runs it all. `process`: a job process to use for what is isolated. Rejects only with the signal's reason. */
  run(signal: AbortSignal, process: JobProcess | undefined): Promise<Pick<JobReturn, 'success' | 'return' | 'retcode' | 'out'>>
}

type Found = Extract<Lookup, { found: true }>

/** One function call inside a job. */
interface Frame {
  publication: Publication
  master: string | undefined
  signal: AbortSignal
  process: JobProcess | undefined
  /** Calls within calls: bounded, since a module may call itself. */
  depth: number
  retcode: { value: number }
  askedBy: BuiltinContext['askedBy']
}

const maxCallDepth = 8

export type Execute = (publication: Publication, master: string | undefined) => Promise<PreparedJob>

/** The function that prepares publications to run. */
export function createExecute(settings: ExecuteSettings): Execute {
  return async (publication, master) => {
    const functions = typeof publication.fun === 'string' ? [publication.fun] : publication.fun
    const lookups = await Promise.all(functions.map((fun) => settings.registry.lookup(fun)))
    return {
      immediate: lookups.every((lookup) => lookup.found && lookup.description.immediate),
      isolated: lookups.some((lookup) => lookup.found && isIsolated(lookup)),
      async run(signal, process) {
        const outcomes: Outcome[] = []
        for (const [at, fun] of functions.entries()) {
          const arg = typeof publication.fun === 'string' ? publication.arg : (publication.arg[at] as Value[])
          const askedBy = publication.local === true ? 'host' : 'master'
          const frame: Frame = { publication, master, signal, process, depth: 0, retcode: { value: 0 }, askedBy }
          outcomes.push(await runOne(settings, fun, lookups[at] ?? { found: false, text: '' }, arg, frame))
          signal.throwIfAborted()
        }
        const [only] = outcomes
        return typeof publication.fun === 'string' && only !== undefined ? only : joinOutcomes(functions, outcomes, settings.multifuncOrdered)
      },
    }
  }
}

function isIsolated(lookup: Found): boolean {
  return lookup.implementation.kind === 'site' || lookup.description.isolate
}

async function runOne(settings: ExecuteSettings, fun: string, lookup: Lookup, arg: Value[], frame: Frame): Promise<Outcome> {
  const doc = lookup.found ? lookup.description.doc : ''
  const { load, schedule } = frame.publication
  const scheduled = schedule !== undefined
  const retcode = scheduled ? scheduledFailure : genericFailure
  try {
    const refusal = settings.refusal(fun, frame.publication)
    if (refusal !== undefined) return failed(refusal, retcode)
    checkExecutors(frame.publication.executors ?? get(settings.options, 'module_executors'))
    if (!lookup.found) return missingFunction(fun, lookup.text, scheduled ? {} : await docsWithPrefix(settings.registry, fun), retcode)
    const call = parseArguments(arg, lookup.description, load, { verbatim: scheduled })
    const result = await invoke(settings, fun, lookup, { call, pub: load }, frame)
    return succeeded(result, frame.retcode.value, lookup.description.outputter)
  } catch (error) {
    frame.signal.throwIfAborted()
    settings.onError?.(error)
    return threw(fun, doc, error, retcode)
  }
}

/** Binds and runs a function, in the agent or in a job process. */
async function invoke(
  settings: ExecuteSettings,
  fun: string,
  lookup: Found,
  given: { call: CallArguments; pub: ValueObject },
  frame: Frame,
): Promise<Value> {
  const bound = bindArguments(lookup.description, given.call)
  const { implementation } = lookup
  const call = (name: string, args: Value[] = [], kwargs: ValueObject = {}) => {
    // What our own functions call, their arguments name: who may not run it must not have it run.
    const refusal = implementation.kind === 'builtin' ? settings.refusal(name, frame.publication) : undefined
    if (refusal !== undefined) return Promise.reject(new InvocationError(refusal))
    const askedBy = implementation.kind === 'builtin' ? frame.askedBy : 'module'
    return callFunction(settings, name, { args, kwargs }, { ...frame, process: undefined, depth: frame.depth + 1, askedBy })
  }
  const setRetcode = (code: number) => {
    frame.retcode.value = code
  }
  const log = settings.log.child({ jid: frame.publication.jid, fun })
  const { jid } = frame.publication
  const hooks = { call, setRetcode, log }
  if (implementation.kind !== 'builtin' || isIsolated(lookup)) return invokeApart(settings, lookup, { fun, bound, pub: given.pub }, hooks, frame)
  const context: BuiltinContext = {
    signal: frame.signal,
    minionId: settings.minionId,
    fun,
    jid,
    grains: settings.grains(),
    pillar: settings.pillar(),
    pub: given.pub,
    log,
    config: (name) => lookupOption(name, { options: settings.options, grains: settings.grains(), pillar: settings.pillar() }),
    call,
    setRetcode,
    askedBy: frame.askedBy,
    agent: settings.services(jid, frame.master, frame.signal),
  }
  const result = await implementation.code.run(context, bound.named, { rest: bound.rest, kwargs: bound.kwargs })
  return toValue(result)
}

/** Runs a function outside of the agent: as a program of its own, or in a job process. */
function invokeApart(
  settings: ExecuteSettings, { implementation, description }: Found, call: { fun: string; bound: BoundArguments; pub: ValueObject }, hooks: TaskHooks, frame: Frame,
): Promise<Value> {
  const { signal } = frame
  const { jid } = frame.publication
  const task: Task = {
    file: implementation.kind === 'builtin' ? null : implementation.file,
    builtin: implementation.kind === 'builtin' ? description.module : null,
    name: description.name,
    ...call,
    jid,
    minionId: settings.minionId,
    grains: settings.grains(),
    pillar: settings.pillar(),
    options: settings.options,
  }
  if (implementation.kind !== 'program') return withProcess(settings, frame, (process) => process.run(task, hooks, signal))
  const { outputLimitBytes } = settings.services(jid, frame.master, signal)
  return callProgram(implementation.file, task, { ...settings, ...hooks, outputLimitBytes, signal })
}

/** A function that another one calls: without the publication's fields, as Salt's cross calls. */
async function callFunction(settings: ExecuteSettings, fun: string, call: CallArguments, frame: Frame): Promise<Value> {
  if (frame.depth > maxCallDepth) throw new Error(`functions call each other more than ${maxCallDepth} deep`)
  frame.signal.throwIfAborted()
  const lookup = await settings.registry.lookup(fun)
  if (!lookup.found) throw new InvocationError(lookup.text)
  return invoke(settings, fun, lookup, { call, pub: Object.create(null) as ValueObject }, frame)
}

async function withProcess(settings: ExecuteSettings, frame: Frame, work: (process: JobProcess) => Promise<Value>): Promise<Value> {
  if (frame.process !== undefined) return work(frame.process)
  const process = openJobProcess(settings.runner, frame.publication.jid, settings.environment)
  try {
    return await work(process)
  } finally {
    process.close()
  }
}

/** Only Salt's direct_call is there (minion.py, executors). */
function checkExecutors(given: Value | undefined): void {
  if (given === undefined || given === null) return
  const names = typeof given === 'string' ? [given] : given
  if (!Array.isArray(names) || names.length === 0 || names[0] === '') {
    throw new InvocationError(`Wrong executors specification: ${pythonStr(given)}. String or non-empty list expected`)
  }
  const unknown = names.find((name) => name !== 'direct_call')
  if (unknown !== undefined) throw new InvocationError(`Executor '${pythonStr(unknown)}' is not available`)
}

async function docsWithPrefix(registry: Registry, fun: string): Promise<ValueObject> {
  const docs = Object.create(null) as ValueObject
  for (const one of await registry.list()) {
    const name = `${one.module}.${one.name}`
    if (globMatch(name, `${fun}*`)) docs[name] = one.doc
  }
  return docs
}
