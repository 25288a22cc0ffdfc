import { isMap } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import type { Item } from './item.ts'
import { formatTime } from './time-format.ts'

/** What a schedule asks the jobs for. */
export interface ScheduledJob {
  fun: string
  arg: Value[]
  more: ValueObject
  /** A master chose what it runs. */
  fromMaster: boolean
}

/**
 * The job of an item (utils/schedule.py, handle_func): its returners with `schedule_returner`'s, `return_config` and
 * `return_kwargs` for them, `metadata` with the time, and `schedule`, its name. `now`: wall-clock milliseconds.
 */
export function jobOf(item: Item, options: { fun?: string; scheduleReturner: Value; now: number; fromMaster: boolean }): ScheduledJob {
  const { data } = item
  const more = Object.create(null) as ValueObject
  const names = [...namesOf(data['returner'] ?? null), ...namesOf(options.scheduleReturner)]
  if (names.length > 0) more['ret'] = [...new Set(names)].join(',')
  if (typeof data['return_config'] === 'string') more['ret_config'] = data['return_config']
  if (isMap(data['return_kwargs'])) more['ret_kwargs'] = data['return_kwargs']
  if (isMap(data['metadata'])) more['metadata'] = withTime(data['metadata'] as ValueObject, options.now)
  if (data['return_job'] === 'nocache') more['nocache'] = true
  more['schedule'] = item.name
  return { fun: options.fun ?? item.fun, arg: item.arg, more, fromMaster: options.fromMaster }
}

/** Whether the master gets the return, too. */
export function returnsToMaster(item: Item): boolean {
  const { return_job: given = true } = item.data
  return given !== false && given !== null && given !== '' && given !== 0
}

function namesOf(value: Value): string[] {
  return (Array.isArray(value) ? value : [value]).filter((name) => typeof name === 'string' && name !== '') as string[]
}

/** Salt adds when the job started: in local time, in UTC, and the offset between them. */
function withTime(metadata: ValueObject, now: number): ValueObject {
  const date = new Date(now)
  const minutes = -date.getTimezoneOffset()
  const offset = `${minutes < 0 ? '-' : '+'}${two(Math.abs(minutes) / 60)}${two(Math.abs(minutes) % 60)}`
  const utc = now + date.getTimezoneOffset() * 60_000
  return {
    ...metadata,
    _TOS: offset,
    _TS: formatTime(now, '%a %b ') + String(date.getDate()).padStart(2) + formatTime(now, ' %H:%M:%S %Y'),
    // The last field is the month again, as in Salt.
    _TT: formatTime(utc, '%Y %B %d %a %H %m'),
  }
}

function two(value: number): string {
  return String(Math.floor(value)).padStart(2, '0')
}
