import type { Clock } from '../clock.ts'

/**
 * `down`, `operator` and `paused` stand until the destination is `up` again. The others are occurrences:
 * `set-aside` an item is turned away again and again, `dead` an item became a dead letter, `refused` one destination too many,
 * `taken-over` another master has the returns of one that is away, `volatile` a return went to the master without being stored, `dropped` something held only in memory was let go,
 * `internal` a fault of the agent's own.
 */
export type AlarmKind = 'down' | 'operator' | 'paused' | 'up' | 'set-aside' | 'dead' | 'refused' | 'taken-over' | 'volatile' | 'dropped' | 'internal'

export interface Alarm {
  destination: string
  kind: AlarmKind
  error: string
  /** How many occurrences this alarm stands for. */
  count: number
}

export interface Alarms {
  /** A condition that stands until `clear`. Told once, again only when its kind changes. */
  stand(destination: string, kind: 'down' | 'operator' | 'paused', error: string): void
  /** The condition is over: told as `up` when one stood. */
  clear(destination: string): void
  /** Something happened. Told at once; what follows within a minute is told together at its end. */
  occur(destination: string, kind: Exclude<AlarmKind, 'down' | 'operator' | 'paused' | 'up'>, error: string, count?: number): void
  /** Tells what is still untold and cancels the timers. */
  stop(): void
}

/** How long equal occurrences are gathered, milliseconds. */
const GATHER_MS = 60_000

interface Gathering {
  alarm: Alarm
  cancel: () => void
}

/** De-duplicates alarms before they reach `tell`, which may throw without harm. */
export function createAlarms(clock: Clock, tell: (alarm: Alarm) => void): Alarms {
  const standing = new Map<string, AlarmKind>()
  const gathering = new Map<string, Gathering>()

  function emit(alarm: Alarm): void {
    try {
      tell(alarm)
    } catch {
      // A listener's fault must not stop a delivery.
    }
  }

  function flush(key: string): void {
    const gathered = gathering.get(key)
    gathering.delete(key)
    gathered?.cancel()
    if (gathered !== undefined && gathered.alarm.count > 0) emit(gathered.alarm)
  }

  return {
    stand(destination, kind, error) {
      if (standing.get(destination) === kind) return
      standing.set(destination, kind)
      emit({ destination, kind, error, count: 1 })
    },
    clear(destination) {
      if (standing.delete(destination)) emit({ destination, kind: 'up', error: '', count: 1 })
    },
    occur(destination, kind, error, count = 1) {
      const key = `${kind} ${destination}`
      const gathered = gathering.get(key)
      if (gathered !== undefined) {
        gathered.alarm = { destination, kind, error, count: gathered.alarm.count + count }
        return
      }
      emit({ destination, kind, error, count })
      const cancel = clock.timer(GATHER_MS, () => flush(key))
      gathering.set(key, { alarm: { destination, kind, error, count: 0 }, cancel })
    },
    stop() {
      for (const key of gathering.keys()) flush(key)
    },
  }
}
