import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { DestinationRef, Outbox } from '../outbox/port.ts'
import type { Alarms } from './alarms.ts'
import { messageOf } from './bounded-send.ts'
import type { Lane, LaneStatus } from './lane.ts'

export interface LanesDeps {
  outbox: Outbox
  clock: Clock
  logger: Logger
  alarms: Alarms
  /** A new lane at rest. */
  createLane(ref: DestinationRef): Lane
}

/** One lane as `brine status` shows it, with the outbox's books. */
export interface LaneReport extends Omit<LaneStatus, 'state'> {
  /** `waiting`: queued for, but all places are taken. */
  state: LaneStatus['state'] | 'waiting'
  queued: number
  queuedBytes: number
  /** Wall-clock milliseconds; null when nothing is queued. */
  oldestQueuedAt: number | null
}

export interface Lanes {
  /** Makes the lanes of everything that is queued, and wakes them: at the start, and when the store is back. */
  start(): void
  /** Takes a place for a destination; false when every place is in use by one with returns queued. */
  admit: (ref: DestinationRef) => boolean
  /** Something was queued for these. */
  queued: (names: string[]) => void
  /** Tries a destination now. */
  nudge: (name: string) => void
  /** Tries now what has a lane, or waits for one, and is meant. */
  nudgeWhere: (isMeant: (ref: DestinationRef) => boolean) => void
  /** Opens every destination anew, with today's options. */
  reopenAll: () => void
  report(): LaneReport[]
  stop(graceMs: number): Promise<void>
}

/** How long destinations without a place wait until places are looked for again, milliseconds. */
const PLACES_MS = 60_000

/**
 * One lane per destination, at most `limit`. A place is never taken from a destination with returns queued, and one is always kept
 * for the master.
 */
export function createLanes(limit: number, deps: LanesDeps): Lanes {
  const { outbox, clock, logger, alarms } = deps
  const lanes = new Map<string, Lane>()
  const waiting = new Map<string, DestinationRef>()
  const closing = new Set<Promise<void>>()
  let stopped = false
  let cancelTimer: (() => void) | undefined

  function ensure(ref: DestinationRef): Lane | undefined {
    const existing = lanes.get(ref.name)
    if (existing !== undefined || stopped) return existing
    try {
      if (!hasPlace(ref.kind)) evictIdle()
      if (hasPlace(ref.kind)) return create(ref)
      alarms.occur('*', 'refused', `no place for ${ref.name.slice(0, 200)}: ${limit} destinations have returns queued`)
    } catch (error) {
      logger.error({ err: error, destination: ref.name }, 'a lane could not be made')
      alarms.occur(ref.name, 'internal', messageOf(error))
    }
    return undefined
  }

  function create(ref: DestinationRef): Lane {
    const lane = deps.createLane(ref)
    lanes.set(ref.name, lane)
    waiting.delete(ref.name)
    return lane
  }

  function hasPlace(kind: DestinationRef['kind']): boolean {
    const masters = [...lanes.values()].filter((lane) => lane.ref.kind === 'master').length
    return lanes.size < limit - (kind === 'returner' && masters === 0 ? 1 : 0)
  }

  /** Closes the returner that has been without work since the longest: the map keeps the order of making. */
  function evictIdle(): void {
    const inUse = new Set(outbox.queuedDestinations().map(({ name }) => name))
    for (const [name, lane] of lanes) {
      if (lane.ref.kind === 'master' || lane.busy || inUse.has(name)) continue
      lanes.delete(name)
      const closed = lane.stop(0).finally(() => closing.delete(closed))
      closing.add(closed)
      return
    }
  }

  /** A queued destination gets its lane, or waits for a place. */
  function place(ref: DestinationRef): void {
    const lane = ensure(ref)
    if (lane !== undefined) return lane.wake()
    if (stopped) return
    waiting.set(ref.name, ref)
    cancelTimer ??= clock.timer(PLACES_MS, () => {
      cancelTimer = undefined
      for (const waitingRef of waiting.values()) place(waitingRef)
    })
  }

  function start(): void {
    const refs = outbox.queuedDestinations()
    for (const ref of refs.filter(({ kind }) => kind === 'master')) place(ref)
    for (const ref of refs.filter(({ kind }) => kind !== 'master')) place(ref)
  }

  function queued(names: string[]): void {
    if (stopped) return
    const missing = new Set(names.filter((name) => !lanes.has(name)))
    for (const name of names) lanes.get(name)?.wake()
    if (missing.size === 0) return
    for (const ref of outbox.queuedDestinations()) {
      if (missing.has(ref.name)) place(ref)
    }
  }

  function report(): LaneReport[] {
    const books = new Map(outbox.status().destinations.map((book) => [book.name, book]))
    const states: (Omit<LaneReport, 'queued' | 'queuedBytes' | 'oldestQueuedAt'>)[] = [
      ...[...lanes.values()].map((lane) => lane.status()),
      ...[...waiting.values()].map((ref) => waitingStatus(ref)),
    ]
    return states.map((state) => {
      const book = books.get(state.destination)
      return {
        ...state,
        queued: book?.queued ?? 0,
        queuedBytes: book?.queuedBytes ?? 0,
        oldestQueuedAt: book?.oldestQueuedAt ?? null,
      }
    })
  }

  return {
    start,
    admit: (ref) => ensure(ref) !== undefined,
    queued,
    nudge(name) {
      const lane = lanes.get(name)
      if (lane === undefined) return queued([name])
      lane.nudge()
    },
    nudgeWhere(isMeant) {
      for (const lane of lanes.values()) if (isMeant(lane.ref)) lane.nudge()
      for (const ref of waiting.values()) if (isMeant(ref)) place(ref)
    },
    reopenAll() {
      for (const lane of lanes.values()) lane.reopen()
    },
    report,
    async stop(graceMs) {
      stopped = true
      cancelTimer?.()
      await Promise.all([...closing, ...[...lanes.values()].map((lane) => lane.stop(graceMs))])
    },
  }
}

function waitingStatus(ref: DestinationRef): Omit<LaneReport, 'queued' | 'queuedBytes' | 'oldestQueuedAt'> {
  const { name: destination, kind } = ref
  return {
    destination,
    kind,
    state: 'waiting',
    inFlight: 0,
    nextAttemptAt: null,
    lastError: null,
    delivered: 0,
    retried: 0,
    resent: 0,
  }
}
