/** What the agent tells about itself: the control method `status`. */
export interface AgentStatus {
  id: string
  version: string
  pid: number
  /** Milliseconds since the agent started. */
  uptimeMs: number
  masters: { master: string; state: string; fingerprint: string | null; lastError: string | null }[]
  lanes: {
    destination: string
    state: string
    /** Since the store was made. */
    accepted: number
    delivered: number
    queued: number
    dead: number
    inFlight: number
    /** Left out by the filter of its returner since the agent started; why the last one was. */
    filtered?: { count: number; last: string }
    /** Of the oldest return that waits, wall-clock milliseconds of its acceptance; null when none does. */
    oldestQueuedAt: number | null
    /** Wall-clock milliseconds; null when nothing waits. */
    nextAttemptAt: number | null
    lastError: string | null
  }[]
  /** `unfinished`: jobs that have a row and no return yet. */
  jobs: { running: number; waiting: number; unfinished: number }
  /** Bytes of the store on disk, and how many it may have. */
  store: { diskBytes: number; limitBytes: number }
  /** Why returns are volatile now; null when the store can be written. */
  storeUnavailable: string | null
}
