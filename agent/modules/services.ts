import type { Clock } from '../clock.ts'
import type { CommandRequest, CommandResult } from './commands.ts'
import type { ModuleContext } from './contract.ts'
import type { FileFailure, FunctionDescription } from './description.ts'
import type { ScheduleControl } from './schedule-control.ts'
import type { FileClient } from '../files/port.ts'
import type { Value, ValueObject } from '../wire/value.ts'

/** A job that runs or waits, as `saltutil.running` lists it: the publication with `pid` and `state`. */
export type JobEntry = ValueObject

/** What `saltutil` may ask of the job table. */
export interface JobControl {
  /** Jobs that wait or run, without the asking one. */
  running(): JobEntry[]
  /** The job while it waits, runs, or its return is still queued for the master; {} when it is unknown. */
  find(jid: string): JobEntry
  /** Sends a signal to a job's processes and, for an ending signal, ends the job. The text is Salt's. */
  signal(jid: string, signal: number): Promise<string>
  /** The return that is stored under a jid; null when there is none. */
  findReturn(jid: string): Value
  /** Removes stored returns that were delivered longer ago than this, milliseconds. */
  forgetReturns(keptForMs: number): Promise<void>
}

/** Something that is there and cannot be used. */
export interface NotLoaded {
  name: string
  reason: string
  /** The site's file that does not load; absent for what loads and is not for this host. */
  file?: string
}

/** What a job cache can be asked for, in the contract's words. */
export type ReturnerQuestion = 'getJid' | 'getJids' | 'getFun' | 'getMinions' | 'getLoad'

/** A returner as `sys` tells of it; `reason` when it does not load. */
export interface ReturnerSummary {
  name: string
  summary: string
  options: { name: string; description: string }[]
  reason: string | null
}

/** The functions there are. */
export interface FunctionCatalogue {
  list(): Promise<FunctionDescription[]>
  /** Modules that are there but not for use, with why: a file that does not load, a module that is not for this host. */
  notLoaded(): Promise<NotLoaded[]>
}

/** The master that asked for this job; for a job that no master asked for, the first that is connected. */
export interface MasterAccess {
  /**
   * An encrypted request; resolves with the decrypted reply.
   *
   * @throws CommandExecutionError when no master is connected; LinkError or TransportError when there is no answer
   */
  request(load: ValueObject, options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<Value>
}

/** Data that a minion keeps for itself between jobs: key → value. */
export interface Datastore {
  /** Undefined when there is none. @throws CommandExecutionError when it cannot be read */
  get(key: string): Value | undefined
  /** @throws CommandExecutionError when it cannot be written */
  update(key: string, value: Value): void
}

/** What may be asked of a pillar: its environments, what is merged over it, an external pillar for this once. */
export interface PillarQuestion {
  saltenv?: string | null
  pillarenv?: string | null
  override?: ValueObject
  ext?: ValueObject
}

/** What to change in the file of fixed grains (undefined takes one out), and what the function answers. */
export interface GrainsChanges {
  set: [name: string, value: Value | undefined][]
  answer: Value
}

/** What the built-in modules have beyond the contract. */
export interface AgentServices {
  jobs: JobControl
  functions: FunctionCatalogue
  clock: Clock
  master: MasterAccess
  /** True where there is no master. */
  masterless: boolean
  datastore: Datastore
  /** The file server and the cache of its files; what it fetches ends with the signal. */
  files(signal: AbortSignal): Promise<FileClient>
  /** Starts a program that belongs to this job. */
  command(request: CommandRequest): Promise<CommandResult>
  /** Every option, without what is secret. */
  options: ValueObject
  /** The returners there are, each looked into. */
  returners(): Promise<ReturnerSummary[]>
  /** What a returner that is a job cache has stored. @throws CommandExecutionError when it cannot be had */
  askReturner(name: string, question: ReturnerQuestion, args: string[]): Promise<Value>
  /** The environment that programs start with. */
  environment: Readonly<Record<string, string>>
  /** The agent's own user. */
  user: { uid: number; name: string; home: string }
  /** Bytes kept of each output stream of a program. */
  outputLimitBytes: number
  /** The site's files of a kind that did not load the last time, with their reasons. */
  siteFailures(kind: 'modules' | 'grains' | 'returners'): Promise<FileFailure[]>
  /** Removes every key of this minion and makes a new one. */
  newKeys(): Promise<void>
  refreshGrains(): Promise<void>
  /**
   * Changes the file of fixed grains, then collects the grains again and tells the master. One change at a time: `decide` sees the
   * grains as the last one left them. Resolves with its answer.
   *
   * @throws an Error named GrainsFileError when the file is no YAML; the file system's when it cannot be written.
   */
  changeGrains(decide: (grains: ValueObject) => GrainsChanges, options: { refreshPillar: boolean }): Promise<Value>
  /** Resolves true when the master gave the pillar, false when it could not be had in time. */
  refreshPillar(): Promise<boolean>
  /**
   * A pillar that the master compiles for this answer alone; the minion's own stays.
   *
   * @throws CommandExecutionError when no master is connected; LinkError or TransportError when there is no answer
   */
  compilePillar(question: PillarQuestion): Promise<ValueObject>
  refreshModules(): Promise<void>
  /** Why a master may not have this function run; undefined when it may. */
  refusedToMaster(fun: string): string | undefined
  schedule: ScheduleControl
}

/** The context of the built-in modules. */
export interface BuiltinContext extends ModuleContext {
  /** Who chose the function and its arguments: a master, the host itself (its operator, its schedule), or a site's own module. */
  readonly askedBy: 'master' | 'host' | 'module'
  readonly agent: AgentServices
}
