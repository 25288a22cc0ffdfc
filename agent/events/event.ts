/**
 * What a minion tells its master: `_minion_event` (minion.py `_fire_master`). The list form is used throughout, since the master fires it as
 * each event's own data; only the start events take the form of a stock minion, whose consumers read `data["data"]`.
 */
import type { Link } from '../link/port.ts'
import type { Value, ValueObject } from '../wire/value.ts'

export interface MinionEvent {
  tag: string
  data: Value
}

/** The load of a request that fires events on the master's bus. A master drops tags that belong to jobs, keys and the like. */
export function eventsLoad(id: string, events: MinionEvent[]): ValueObject {
  return { cmd: '_minion_event', id, pretag: null, events: events.map(({ tag, data }) => ({ tag, data })) }
}

/**
 * Fires events on the master's bus. Resolves when the master has answered: it does not say what became of them.
 *
 * @throws LinkError or TransportError when they did not get there. Nothing is kept for later.
 */
export async function fireEvents(link: Link, id: string, events: MinionEvent[]): Promise<void> {
  await link.request(eventsLoad(id, events))
}

export interface StartSettings {
  id: string
  /** Salt's `enable_legacy_startup_events`: also fire `minion_start`. */
  legacyEvents: boolean
  /** What the option `start_event_grains` names, with their values. */
  grains?: ValueObject
}

/** The loads that say this minion has started, or has come back (minion.py `_fire_master_minion_start`). `now`: wall-clock milliseconds. */
export function startEventLoads(settings: StartSettings, now: number): ValueObject[] {
  const { id, grains } = settings
  const data = `Minion ${id} started at ${asctime(new Date(now))}`
  const tags = [...(settings.legacyEvents ? ['minion_start'] : []), `salt/minion/${id}/start`]
  return tags.map((tag) => ({ cmd: '_minion_event', id, pretag: null, tag, data, ...(grains === undefined ? {} : { grains }) }))
}

/** Python's `time.asctime()` in local time: `Sat Nov  2 21:46:56 2025`. */
function asctime(date: Date): string {
  const [weekday, month] = date.toString().split(' ')
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':')
  return `${weekday} ${month} ${String(date.getDate()).padStart(2)} ${clock} ${date.getFullYear()}`
}
