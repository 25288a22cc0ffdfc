/** Brings what an operator should know to the log and to the master's event bus. */
import type { Alarm } from '../delivery/alarms.ts'
import type { Link } from '../link/port.ts'
import type { Logger } from '../log.ts'
import type { Gap } from '../outbox/port.ts'
import { fireEvents, type MinionEvent } from './event.ts'

export interface AlarmTellerParts {
  id: string
  links: readonly Link[]
  log: Logger
}

export interface AlarmTeller {
  alarm(alarm: Alarm): void
  gap(gap: Gap): void
  availability(unavailable: string | null): void
}

/** Events that wait for a master; the oldest goes first when more come. Every one of them is in the log as well. */
const MAX_WAITING = 100

/**
 * Log line at once; event `brine/<minion id>/<what>` as soon as a master is connected. What waits is held in memory only: the gap
 * records and the lanes' states it tells of are in the store.
 */
export function createAlarmTeller({ id, links, log }: AlarmTellerParts): AlarmTeller {
  const waiting: MinionEvent[] = []
  let telling = false
  const connected = (): Link | undefined => links.find((each) => each.state === 'connected')

  /** Tells until nothing waits: what happens meanwhile, too, since nothing else might come for days. A failure waits for the next event or connection. */
  async function tell(): Promise<void> {
    if (telling) return
    for (let link = connected(); link !== undefined && waiting.length > 0; link = connected()) {
      telling = true
      const isTold = await tellNow(link, waiting.splice(0))
      telling = false
      if (!isTold) return
    }
  }

  async function tellNow(link: Link, events: MinionEvent[]): Promise<boolean> {
    try {
      await fireEvents(link, id, events)
      return true
    } catch (error) {
      waiting.unshift(...events.slice(Math.max(0, events.length + waiting.length - MAX_WAITING)))
      log.debug({ err: error }, 'events wait for the next connection')
      return false
    }
  }

  function event(what: string, data: MinionEvent['data']): void {
    waiting.push({ tag: `brine/${id}/${what}`, data })
    if (waiting.length > MAX_WAITING) waiting.shift()
    void tell()
  }

  for (const link of links) {
    link.onState((state) => {
      if (state === 'connected') void tell()
    })
  }
  return {
    alarm({ destination, kind, error, count }) {
      const fields = { destination, kind, error, count }
      if (kind === 'up') log.info(fields, 'a destination is back')
      else if (kind === 'down' || kind === 'paused') log.warn(fields, 'a destination is away: its returns wait')
      else log.error(fields, 'a destination needs a look')
      event(`destination/${kind}`, { destination, kind, error, count })
    },
    gap({ destination, reason, count, jids, at }) {
      event('gap', { destination, reason, count, jids: jids.slice(0, 100), at })
    },
    availability(unavailable) {
      event(unavailable === null ? 'store/available' : 'store/unavailable', { reason: unavailable ?? '' })
    },
  }
}
