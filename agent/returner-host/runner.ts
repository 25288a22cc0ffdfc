import type { Failure } from './failure.ts'
import type { WireItem } from './protocol.ts'

/** null when all of a batch is stored. */
export type CallEnd = Failure | null

/** Something that runs one destination's returner. Two kinds: in a process of its own, and inline. */
export interface Runner {
  /** Hands a batch over; opens the returner first when it is not open. One call at a time. Never rejects. */
  call(items: WireItem[], signal: AbortSignal): Promise<CallEnd>
  /** The items of a later call, the very same array: what can be done for them before may be done now. */
  prepare?(items: WireItem[]): void
  /** Opens without sending anything, to see whether it can. */
  probe(): Promise<CallEnd>
  /** Closes for good. A running call is aborted. Called again, it waits for the same end. */
  stop(): Promise<void>
}

export interface RunnerLimits {
  /** One call, unless the returner asks for another deadline. */
  deadlineMs: number
  /** After the deadline or an abort: how long the returner may take to say how it ended. */
  graceMs: number
  /** Loading and opening. */
  startTimeoutMs: number
  /** Silence after which the returner is closed. */
  idleMs: number
  /** Longest wait before a crashed process starts again. */
  backoffCapMs: number
  memoryLimitBytes: number
}

/** A returner may ask for a longer deadline, up to this. */
const maxDeadlineMs = 3_600_000

/** The deadline of a call, milliseconds, from what the returner asked for in seconds. */
export function deadlineOf(seconds: unknown, limits: RunnerLimits): number {
  if (typeof seconds !== 'number' || !(seconds > 0)) return limits.deadlineMs
  return Math.min(seconds * 1000, maxDeadlineMs)
}

/** The text for a call that took too long. */
export function tooLong(ms: number): string {
  return `the returner did not answer within ${ms / 1000} s`
}

/** Cancels nothing: what a timer's canceller is before there is a timer. */
export function nothing(): void {}
