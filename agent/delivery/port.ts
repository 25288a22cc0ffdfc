import type { JobReturn } from '../wire/job-return.ts'
import type { ClaimedDelivery, DestinationRef } from '../outbox/port.ts'

/** How a batch ended, for those that were handed over together. Ids are delivery ids. */
export type SendResult =
  /** All acknowledged. */
  | { kind: 'delivered' }
  /** Some acknowledged, some can never be stored; what is in neither is retried. */
  | { kind: 'partial'; stored: number[]; rejected: { deliveryId: number; error: string }[]; error?: string }
  /**
   * Not now: the destination's fault, or nobody's. `scope: 'item'` when the destination is well and only these items
   * were turned away: they are set aside. `untried` when nothing was handed over at all: it counts as no attempt.
   */
  | { kind: 'retry'; error: string; afterMs?: number; scope?: 'item'; untried?: true }
  /** Someone must act (credentials, a missing table, a refused signature): retried slowly and alarmed. `scope` as above. */
  | { kind: 'operator'; error: string; scope?: 'item' }
  /** This item can never be stored. With a batch of more than one, the lane sends them one by one to find which. */
  | { kind: 'permanent'; error: string }

/** Where returns go: the master is one, each returner is another. It only sends; retry, order and rate are the lane's. */
export interface Destination {
  readonly name: string
  /** How many returns one send may hold, and how many sends may be under way. */
  readonly maxBatch: number
  readonly maxInFlight: number
  /** How long a send waits for more to come when it would not be full, milliseconds; not at all when absent. */
  readonly lingerMs?: number
  /** Version of the rules that derive what is sent from what is stored; kept with each delivery. */
  readonly viewVersion?: number
  /** This batch waits for its turn: what can be done for it before may be done now. It may never be sent. Never throws. */
  prepare?(batch: ClaimedDelivery[]): void
  /** Hands a batch over; resolves when the destination has answered. Never rejects for a failure of the destination. */
  send(batch: ClaimedDelivery[], signal: AbortSignal): Promise<SendResult>
  close(): Promise<void>
}

/** Which returners a job asked for, before names are resolved. */
export interface ReturnerRequest {
  /** Names from the publication's `ret`, split at commas and trimmed. */
  names: string[]
  retConfig?: string
  retKwargs?: Record<string, unknown>
  /** True for the words of a master, which may not lead returns elsewhere. */
  fromMaster?: boolean
}

/** Destinations of one return, resolved before its function runs, so that a wrong name is known in time. */
export interface Routing {
  destinations: DestinationRef[]
  /** Returner names that could not be resolved: name → why. Goes into the return as `returner_errors`. */
  errors: Record<string, string>
  /** Of the destinations those that the job itself asked for: destination → the returner's name in its request. */
  asked?: ReadonlyMap<string, string>
  /** True when a master asked for the job. */
  fromMaster?: boolean
}

/** What a filter may look at. */
export interface ReturnFacts {
  fun: string | string[]
  success: boolean
  source: 'master' | 'schedule' | 'call'
}

/** The one way in for finished jobs, whatever started them. */
export interface ReturnIntake {
  /** `master`: the master that asked (master-id.ts), absent for what runs without one. */
  route(request: ReturnerRequest, master: string | undefined): Promise<Routing>
  /**
   * Resolves when the return is accepted (durable), with undefined; or when it is on its volatile way because the store cannot write,
   * with the reason.
   */
  accept(ret: JobReturn, routing: Routing, job?: { master: string; jid: string }): Promise<string | undefined>
}

/** Answers to questions about jobs (find_job and its kin): no rows, straight to the master, dropped when stale. */
export interface VolatileAnswers {
  /** Tries until the master took it or it is stale. Never throws. */
  answer(ret: JobReturn, master: string): void
}

/** What the routing may ask of the returners there are. Implemented by the returner host. */
export interface ReturnerCatalogue {
  /** Why a return does not go to a destination, by the filter of its returner; null when it does. No filters when absent. */
  leftOut?(ref: DestinationRef, facts: ReturnFacts): string | null
  /**
   * Gives the destination, or says why no return can ever reach it: unknown, disabled, not configured, wrong `ret_kwargs`.
   * `problem`: it is there, but an operator has to mend its file or options first; its returns are queued meanwhile.
   */
  resolve(
    name: string,
    request: { retConfig?: string; retKwargs?: Record<string, unknown>; fromMaster?: boolean },
  ): Promise<{ ref: DestinationRef; problem?: string } | { error: string }>
  /** Opens a queued destination again, with today's options. Throws when it is no longer configured: its lane is paused. */
  open(ref: DestinationRef): Destination
}
