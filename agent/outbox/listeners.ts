import type { Logger } from '../log.ts'
import { REASON } from './gaps.ts'
import type { Gap } from './port.ts'

/** Who wants to know what happened, and telling them after the commit. */
export interface Listeners {
  /** Notes that something is queued for these; told with the next `flushQueued`. */
  queued: (destinations: string[]) => void
  flushQueued: () => void
  tellGaps: (gaps: Gap[]) => void
  tellAvailability: (unavailable: string | null) => void
  onQueued: (listener: (destinations: string[]) => void) => void
  onGap: (listener: (gap: Gap) => void) => void
  /** A listener that comes while the store is unavailable learns it at once. */
  onAvailability: (listener: (unavailable: string | null) => void, now: string | null) => void
}

/** What a person asked for is on record, and needs no alarm. */
const intended: ReadonlySet<string> = new Set([REASON.purged, REASON.merged])

/** What the first listener gets of the time before it came; all of it is on record. */
const maxUntold = 1000

/** Nobody listens yet. Gaps are logged here; those found while opening wait for the first listener. */
export function createListeners(log: Logger): Listeners {
  const onQueued: ((destinations: string[]) => void)[] = []
  const onGap: ((gap: Gap) => void)[] = []
  const onAvailability: ((unavailable: string | null) => void)[] = []
  const names = new Set<string>()
  const untold: Gap[] = []

  /** What is committed is committed: a listener's fault reaches neither the others nor the commit's callers. */
  function tell(listener: () => void): void {
    try {
      listener()
    } catch (error) {
      log.error({ err: error }, 'a listener of the outbox failed')
    }
  }

  return {
    queued(destinations) {
      for (const name of destinations) names.add(name)
    },
    flushQueued() {
      if (names.size === 0) return
      const destinations = [...names]
      names.clear()
      for (const listener of onQueued) tell(() => listener(destinations))
    },
    tellGaps(gaps) {
      for (const gap of gaps) {
        const { destination, reason, count } = gap
        if (intended.has(reason)) {
          log.info({ destination, reason, count }, 'deliveries were removed')
          continue
        }
        log.error({ destination, reason, count }, 'deliveries will not arrive')
        if (onGap.length === 0 && untold.length < maxUntold) untold.push(gap)
        for (const listener of onGap) tell(() => listener(gap))
      }
    },
    tellAvailability(unavailable) {
      for (const listener of onAvailability) tell(() => listener(unavailable))
    },
    onQueued: (listener) => void onQueued.push(listener),
    onGap(listener) {
      onGap.push(listener)
      for (const gap of untold.splice(0)) listener(gap)
    },
    onAvailability(listener, now) {
      onAvailability.push(listener)
      if (now !== null) listener(now)
    },
  }
}
