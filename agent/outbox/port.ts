/**
 * What the rest of the agent may ask of the outbox. The store behind it is SQLite; it knows no network and no job's meaning.
 *
 * Every change is a promise that resolves after the commit (`synchronous=FULL`) that holds it, and rejects with
 * `StoreUnavailableError` when nothing was stored. Changes that wait together share one commit.
 */

/** Who asked, and under which job id: (master fingerprint or `local`, jid) is the key of de-duplication. */
export interface JobKey {
  master: string
  jid: string
}

/** A publication that passed targeting, to be remembered before it waits or runs. */
export interface ReceivedJob extends JobKey {
  fun: string
  /** The decrypted publication as msgpack, for the report of an interrupted job and for `saltutil.running`. */
  load: Uint8Array
}

/** Names a process group beyond the reuse of its number. */
export interface ProcessMark {
  pgid: number
  /** Start time of the group's leader, clock ticks since boot (field 22 of /proc/PID/stat). */
  startTicks: number
  /** /proc/sys/kernel/random/boot_id. */
  bootId: string
}

/** A job that has a row and no return: what a crash left behind. */
export interface UnfinishedJob extends JobKey {
  fun: string
  load: Uint8Array
  state: 'waiting' | 'running'
  /** Wall-clock milliseconds when it was received, or started when running. */
  since: number
  /** Present when running in a process of its own. */
  process?: ProcessMark
}

/** What goes first when a bound forces a drop: lowest first. */
export const PRIORITY = { ping: 0, command: 1, state: 2 } as const
export type Priority = (typeof PRIORITY)[keyof typeof PRIORITY]

/** A destination as deliveries are queued for it. `spec` is what delivery needs to find it again (msgpack; the outbox never looks inside). */
export interface DestinationRef {
  name: string
  kind: 'master' | 'returner'
  spec: Uint8Array
}

/** A finished job's return, with one delivery per destination: one transaction. */
export interface NewReturn {
  jid: string
  minionId: string
  fun: string
  success: boolean
  priority: Priority
  /** The JobReturn as msgpack. */
  body: Uint8Array
  destinations: DestinationRef[]
  /** The job whose row this return ends; absent for what no publication asked for (schedule, `brine call`). */
  job?: JobKey
}

/** One queued delivery in a lane's hands. `body` was verified against its checksum. */
export interface ClaimedDelivery {
  deliveryId: number
  returnId: number
  jid: string
  minionId: string
  fun: string
  body: Uint8Array
  /** Failed attempts so far. */
  attempts: number
  /** Wall-clock milliseconds of the acceptance. */
  acceptedAt: number
}

export interface ClaimRequest {
  destination: string
  /** `fresh`: return ids above `boundary`; `backlog`: up to and including it. Each first in, first out, set-aside items when due. */
  queue: 'fresh' | 'backlog'
  boundary: number
  limit: number
  maxBytes: number
  /** Wall-clock milliseconds: an item that is due later is left. */
  now: number
}

/** What became of a claimed delivery. A claim that is never settled is claimable again after `release` or a restart. */
export type Outcome =
  | { kind: 'delivered'; deliveryId: number; viewVersion?: number }
  /** Failed for now. With `dueAt` (wall-clock ms) it is set aside until then, so that it does not block those behind it. */
  | { kind: 'retry'; deliveryId: number; error: string; dueAt?: number }
  /** Can never be stored there: kept as a dead letter. */
  | { kind: 'dead'; deliveryId: number; error: string }

/** The books of one destination: accepted = delivered + queued + dead + dropped + purged + lost, at all times. */
export interface DestinationBooks {
  name: string
  kind: 'master' | 'returner'
  accepted: number
  delivered: number
  queued: number
  dead: number
  dropped: number
  purged: number
  lost: number
  queuedBytes: number
  deadBytes: number
  /** Wall-clock ms of the oldest queued delivery's acceptance. */
  oldestQueuedAt: number | null
  lastError: string | null
  spec: Uint8Array
}

/** The permanent record of deliveries that were dropped, lost or purged. */
export interface Gap {
  id: number
  destination: string
  reason: string
  count: number
  /** The first thousand jids. */
  jids: string[]
  at: number
}

export interface DeliveryFilter {
  destination?: string
  state?: 'queued' | 'dead'
  jid?: string
  fun?: string
  /** Only what is in no lane's hands this moment; for `retry` alone. */
  unclaimed?: true
  /** Accepted before / after, wall-clock ms. */
  before?: number
  after?: number
  limit?: number
  /** Continue after this delivery id. */
  afterId?: number
}

/** One delivery as the operator's commands list it, without the body. */
export interface DeliveryRow {
  deliveryId: number
  returnId: number
  destination: string
  state: 'queued' | 'dead'
  jid: string
  minionId: string
  fun: string
  success: boolean
  bytes: number
  attempts: number
  lastError: string | null
  acceptedAt: number
  /** Wall-clock ms; null when it is due now. */
  dueAt: number | null
  deadAt: number | null
}

export interface OutboxStatus {
  path: string
  /** Bytes of database and WAL on disk. */
  diskBytes: number
  limitBytes: number
  returns: number
  unfinishedJobs: number
  rememberedJids: number
  destinations: DestinationBooks[]
  gaps: Gap[]
  /** Why the store cannot be written now; null when it can. */
  unavailable: string | null
}

export interface Outbox {
  /** Stores the received row. `seen` when this key was received before (also before a restart): it must not run again. */
  receive(job: ReceivedJob): Promise<'new' | 'seen'>
  /** Stores the started row; must resolve before the function runs. `process` absent for a function that runs in the agent. */
  start(key: JobKey, process?: ProcessMark): Promise<void>
  /** Jobs without a return, oldest first: read at start, before anything is received. */
  unfinished(): UnfinishedJob[]

  /** Whether a return of this size can ever be held. One that cannot is dropped when it is accepted, with a gap. */
  fits(bytes: number): boolean
  /** Stores a return with its deliveries and ends its job, in one transaction. Resolves with the return's id. */
  accept(ret: NewReturn): Promise<number>

  /** Takes due deliveries into a lane's hands (in memory only: a crash releases them). A damaged one is counted lost and skipped. */
  claim(request: ClaimRequest): ClaimedDelivery[]
  /** Ends claims as told, with the books, in one transaction. */
  settle(outcomes: Outcome[]): Promise<void>
  /** Gives claims back unchanged, for example at shutdown. */
  release(deliveryIds: number[]): void
  /** The highest return id so far: what is at or below it when a destination recovers is backlog. */
  lastReturnId(): number
  /** Earliest `dueAt` among the destination's set-aside deliveries; null when none waits. */
  nextDue(destination: string): number | null
  /** How many deliveries to a destination are queued, those that were claimed or set aside too. Costs nothing. */
  queuedCount(destination: string): number
  /** Whether a delivery of this job to this destination is still queued. */
  isQueued(jid: string, destination: string): boolean
  /** Names of destinations with something queued, with their specs: lanes are made from it at start. */
  queuedDestinations(): DestinationRef[]

  status(): OutboxStatus
  list(filter: DeliveryFilter): DeliveryRow[]
  /**
   * One return's body with its deliveries; null when there is none. `views`: the rule version of the view that each
   * destination got, where its lane told one.
   */
  show(returnId: number): {
    body: Uint8Array
    acceptedAt: number
    deliveries: DeliveryRow[]
    views?: { destination: string; version: number }[]
  } | null
  /** The newest stored body under a jid, whatever its deliveries' state: `saltutil.find_cached_job`. */
  findReturn(jid: string): Uint8Array | null
  /** Removes delivered returns that have been kept for longer than this, milliseconds of uptime: `saltutil.clear_job_cache`. */
  forget(keptForMs: number): Promise<void>
  /** Makes matching deliveries due now, dead ones queued again; with `to`, moves them to another destination. Returns how many. */
  retry(filter: DeliveryFilter, to?: DestinationRef): Promise<number>
  /** Removes matching deliveries, counted as purged with a gap record. Returns how many. */
  purge(filter: DeliveryFilter): Promise<number>

  /** Calls back after every commit that queued deliveries for these destinations. */
  onQueued(listener: (destinations: string[]) => void): void
  /** Calls back once per drop or loss with the gap, to be told to master, log and metrics. */
  onGap(listener: (gap: Gap) => void): void
  /** Calls back when the store stops or starts being writable; null when it is again. */
  onAvailability(listener: (unavailable: string | null) => void): void
  /** Waits for what is being committed, then closes the store. */
  close(): Promise<void>
}

/** The store could not write: nothing of the call was stored. */
export class StoreUnavailableError extends Error {
  readonly code = 'STORE_UNAVAILABLE'
  constructor(reason: string, options?: ErrorOptions) {
    super(`the outbox cannot be written: ${reason}`, options)
    this.name = 'StoreUnavailableError'
  }
}
