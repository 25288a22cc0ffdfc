import type { Clock } from '../clock.ts'
import type { ReturnIntake, VolatileAnswers } from '../delivery/port.ts'
import type { Logger } from '../log.ts'
import type { Registry } from '../modules/registry.ts'
import type { AgentServices } from '../modules/services.ts'
import type { Outbox } from '../outbox/port.ts'
import type { ValueObject } from '../wire/value.ts'
import type { ProcessRunner } from './process-runner.ts'

export interface JobsSettings {
  minionId: string
  /** Names this agent among others on the host (the store's directory): part of the marker of its processes. */
  instance: string
  /** Jobs that run at a time; Infinity for no bound. Small urgent functions run beside them. */
  maxRunning: number
  /** Jobs that wait at most; more get a failed return. */
  maxWaiting: number
  /** And the bytes of their publications at most. */
  maxWaitingBytes: number
  /** How long running jobs may finish after a stop. */
  shutdownGraceMs: number
  /** Between SIGTERM and SIGKILL. */
  killGraceMs: number
  /** An event loop that stands still for longer is logged with the jid. */
  blockedLoopMs: number
  multifuncOrdered: boolean
  /** More than one master may publish at a time. */
  severalMasters: boolean
  /** Globs of the functions that a master may run; undefined for all. */
  masterFunctions?: readonly string[] | undefined
  /** Globs of the returners that a master may name, `name` or `name@ret_config`; undefined for all. */
  masterReturners?: readonly string[] | undefined
  /** What jobs do while the store cannot be written. */
  onStoreFailure: 'run' | 'refuse'
  /** What becomes of the processes of an interrupted job. */
  survivors: 'end' | 'leave'
  /** The minion's options, as modules may read them: without secrets. */
  options: ValueObject
  nodegroups: ValueObject
  /** The environment of programs and job processes. */
  environment: Readonly<Record<string, string>>
}

/** The services that the jobs do not give themselves. */
export type OuterServices = Omit<AgentServices, 'jobs' | 'functions' | 'command' | 'environment' | 'options'>

/** What jobs need of the outbox. */
export type JobLedger = Pick<Outbox, 'receive' | 'start' | 'unfinished' | 'isQueued' | 'findReturn' | 'forget'>

export interface JobsDeps {
  clock: Clock
  log: Logger
  ledger: JobLedger
  intake: ReturnIntake
  answers: VolatileAnswers
  registry: Registry
  runner: ProcessRunner
  grains: () => ValueObject
  pillar: () => ValueObject
  /** A job came again: its queued return, if there is one, should be sent now. */
  wake(jid: string, master: string): void
  /** The name of a master's destination in the outbox. */
  masterDestination: (master: string) => string
  /** The services of built-in modules that are not the jobs' own, for a job of this master (undefined: of nobody). */
  services(master: string | undefined): OuterServices
}

/** Defaults where the configuration has none. */
export const JOB_DEFAULTS = {
  maxRunning: 16,
  maxWaiting: 1000,
  maxWaitingBytes: 16 * 1024 * 1024,
  shutdownGraceMs: 30_000,
  killGraceMs: 2000,
  blockedLoopMs: 200,
} as const
