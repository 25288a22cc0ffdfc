/**
 * The returner contract: everything a returner may know of Brine. Site returners import it as `brine/returner`.
 *
 * A returner does I/O only. Retry, order, rate, deadlines, isolation and logging belong to the agent.
 */
import { z } from 'zod'
import { secret, type Secret } from './lib/secret.ts'

export { z, secret, type Secret }

/** A return as a returner gets it: Salt's fields, JSON-safe values (see agent/wire/json.ts). */
export interface ReturnRecord {
  jid: string
  id: string
  fun: string | string[]
  fun_args: unknown[]
  return: unknown
  retcode: unknown
  success: unknown
  out?: string
  user?: string
  master_id?: string
  metadata?: Record<string, unknown>
  schedule?: string
  returner_errors?: Record<string, unknown>
  /** Present when the size cap of its destination (`max_size`) cut it: bytes of its JSON before, the cap, and the command that shows the whole. */
  truncated?: { bytes: number; limit: number; whole: string }
}

/** One item of a batch. */
export interface ReturnItem {
  /** Stable over all attempts: (jid, minion id, destination). Every returner that can de-duplicate must use it. */
  key: string
  ret: ReturnRecord
  /** The same record as JSON text on one line, made once by the agent. Exact where `ret` is not: integers above 2^53. */
  json: string
}

/** How a returner uses the key: `upsert` and `dedupe-key` make a re-send harmless, `at-least-once` says honestly that it may show twice. */
export type DeliverySemantics = 'upsert' | 'dedupe-key' | 'at-least-once'

/** What a returner is given besides its options. */
export interface ReturnerContext {
  minionId: string
  /** The destination's name, for messages. */
  destination: string
  /** A directory this returner may write to. */
  stateDir: string
  /** `cachedir` of the agent (or the master): only for what Salt keeps there too. */
  cacheDir: string
  /** Wall-clock milliseconds since the epoch. */
  now(): number
}

export interface SaltEvent {
  tag: string
  data: Record<string, unknown>
}

/** What `open` gives: the write half, and for a job cache the read half in Salt's terms (reference: Salt's returner interface). */
export interface ReturnerHandle {
  /** Resolves when all items are stored for good. One call at a time. */
  returner(items: ReturnItem[], signal: AbortSignal): Promise<void>
  /** Lets go of connections and files. A second call is harmless. */
  close(): Promise<void>
  saveLoad?(jid: string, load: Record<string, unknown>, minions?: string[]): Promise<void>
  saveMinions?(jid: string, minions: string[]): Promise<void>
  /** The stored load; `Minions` (sorted) is added when known; null when the jid is unknown. */
  getLoad?(jid: string): Promise<Record<string, unknown> | null>
  /** Minion id → its return record. */
  getJid?(jid: string): Promise<Record<string, ReturnRecord>>
  /** Minion id → its return of that function with the highest jid: what comes late is not the last. */
  getFun?(fun: string): Promise<Record<string, ReturnRecord>>
  /** jid → the load. */
  getJids?(): Promise<Record<string, Record<string, unknown>>>
  getMinions?(): Promise<string[]>
  eventReturn?(events: SaltEvent[]): Promise<void>
  /** The jid to use: the one passed, or a new one. */
  prepJid?(nocache: boolean, passedJid?: string): Promise<string>
  /** Removes jobs older than this many seconds. */
  cleanOldJobs?(keepSeconds: number): Promise<void>
}

/** The job-cache half of a handle, in Salt's terms. */
export const JOB_CACHE = [
  'saveLoad', 'saveMinions', 'getLoad', 'getJid', 'getFun', 'getJids', 'getMinions', 'eventReturn', 'prepJid', 'cleanOldJobs',
] as const satisfies readonly (keyof ReturnerHandle)[]

export type JobCacheFunction = (typeof JOB_CACHE)[number]

/** One thing that a returner says about its target. */
export interface TargetFinding {
  /** `missing`: it cannot store without; `advice`: it can, and something is worth knowing; `made`: this look made it. */
  kind: 'missing' | 'advice' | 'made'
  /** What, where, and what comes of it: one line. */
  text: string
}

export interface ReturnerDefinition<Options> {
  /** Salt's name where Salt has one. Lower case, digits, underscores. */
  name: string
  /** One line for lists. */
  summary: string
  /** Types, validation, README table, sample and JSON Schema all derive from it. */
  options: z.ZodType<Options>
  delivery: DeliverySemantics
  /** `process` when anything in it is synchronous or native. `inline` is for our own small asynchronous ones. Site returners always run in a process. */
  isolation?: 'process' | 'inline'
  /** Largest batch `returner` wants; 1 when absent. */
  maxBatch?: number
  /** Where Salt looks for options besides `<name>` and `returner.<name>`, for the few whose prefix differs from the name. */
  configNames?: readonly string[]
  /** Options that only the configuration may set, never a job's `ret_kwargs`: what decides which program runs, for example. */
  siteOnly?: readonly string[]
  /** Options that a master may set in `ret_kwargs`: they change neither where returns go nor with whose rights. Others need `master_ret_kwargs`. */
  masterMaySet?: readonly string[]
  /** What of the job-cache half its handles have: `JOB_CACHE` for all of it. Nothing when absent. */
  jobCache?: readonly JobCacheFunction[]
  /** npm packages that it loads when it opens, and that Brine does not bring. */
  drivers?: readonly string[]
  /** Longest a call may take with these options, seconds; the host's own limit (60) when absent. At most an hour. */
  deadlineSeconds?(options: Options): number
  /** Options that Salt reads from the top of the configuration (`keep_jobs_seconds`): used when the returner's own is not set. */
  topLevel?: readonly string[]
  /** What must stand at the target, in its own language (SQL): `brine returner show NAME --schema`. */
  schema?: string
  /**
   * Looks at the target: what is missing there and what is worth knowing. With `create` it makes what is missing, and otherwise changes
   * nothing. Throws what `open` throws when the target cannot be looked at.
   */
  check?(options: Options, context: ReturnerContext, wish: { create: boolean }): Promise<TargetFinding[]>
  /** Must not wait for a slow destination longer than `signal` allows. Validation of options happened before. */
  open(options: Options, context: ReturnerContext): Promise<ReturnerHandle> | ReturnerHandle
}

/** Declares a returner: `export default defineReturner({…})`. */
export function defineReturner<Options>(definition: ReturnerDefinition<Options>): ReturnerDefinition<Options> {
  return definition
}

/** Codes by which errors are recognised, since they cross processes. */
export const ERROR_CODES = {
  permanent: 'BRINE_PERMANENT',
  operator: 'BRINE_OPERATOR',
  retryAfter: 'BRINE_RETRY_AFTER',
  partial: 'BRINE_PARTIAL',
} as const

/** This item can never be stored (schema, size, encoding): it becomes a dead letter. */
export class PermanentError extends Error {
  readonly code = ERROR_CODES.permanent
  override name = 'PermanentError'
}

/** Someone must act (credentials, permission, a missing table): retried slowly and alarmed. */
export class OperatorError extends Error {
  readonly code = ERROR_CODES.operator
  override name = 'OperatorError'
}

/** The destination said when to come back. */
export class RetryAfterError extends Error {
  readonly code = ERROR_CODES.retryAfter
  readonly afterMs: number
  override name = 'RetryAfterError'
  constructor(message: string, afterMs: number, options?: ErrorOptions) {
    super(message, options)
    this.afterMs = afterMs
  }
}

/** Part of a batch is stored, part can never be; an item in neither list is retried. Items are named by key. */
export class PartialError extends Error {
  readonly code = ERROR_CODES.partial
  readonly stored: string[]
  readonly rejected: { key: string; error: string }[]
  override name = 'PartialError'
  constructor(message: string, result: { stored: string[]; rejected: { key: string; error: string }[] }, options?: ErrorOptions) {
    super(message, options)
    this.stored = result.stored
    this.rejected = result.rejected
  }
}
