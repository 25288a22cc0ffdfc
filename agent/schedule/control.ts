import { CommandExecutionError } from '../modules/contract.ts'
import type { ScheduleControl, ScheduleState } from '../modules/schedule-control.ts'
import { encode } from '../wire/msgpack.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import { parseDateText } from './date-text.ts'
import { parseItem } from './item.ts'
import type { Schedule } from './schedule.ts'
import { plainMap, readSaved, writeSaved } from './source.ts'
import { formatTime, parseTime } from './time-format.ts'

/** The schedule as built-in functions may use it. `file`: where changes are kept. */
export function createScheduleControl(schedule: Schedule, file: string): ScheduleControl {
  return {
    ...fileControl(file),
    ...textControl(),
    items(where) {
      const pillar = where === 'opts' ? {} : schedule.fromPillar()
      return Object.assign(plainMap(pillar), where === 'pillar' ? {} : changeable(schedule))
    },
    state: (name): ScheduleState => schedule.status(name),
    change(edit, persist) {
      const before = schedule.own()
      const changed = changeable(schedule)
      edit(changed)
      const own = plainMap(undefined)
      for (const name of Object.keys(before)) {
        if (Object.hasOwn(changed, name)) own[name] = changed[name] ?? null
        delete changed[name]
      }
      if (persist) write(file, changed)
      schedule.setOwn(own)
      schedule.configure(changed)
    },
    runNow: (name) => schedule.runNow(name),
  }
}

/** The items of the configuration with those that the minion itself added. */
function changeable(schedule: Schedule): ValueObject {
  return Object.assign(schedule.configured(), schedule.own())
}

/**
 * The schedule of an agent that does not run, for `brine call`: only what is in the file can be changed, with `offline=True`.
 * `items`: of the configuration.
 */
export function createOfflineControl(items: ValueObject, file: string): ScheduleControl {
  const refuse = (): never => {
    throw new CommandExecutionError('This process runs no schedule: call the function on the running minion, or with offline=True.')
  }
  return { ...fileControl(file), ...textControl(), items: (where) => plainMap(where === 'pillar' ? {} : items), state: () => ({}), change: refuse, runNow: refuse }
}

function fileControl(file: string): Pick<ScheduleControl, 'saved' | 'save'> {
  return {
    saved() {
      try {
        return readSaved(file)
      } catch (error) {
        throw new CommandExecutionError(`${file} cannot be read: ${reason(error)}`, { cause: error })
      }
    },
    save: (schedule) => write(file, schedule),
  }
}

function textControl(): Pick<ScheduleControl, 'problem' | 'isDateText' | 'isTime' | 'formatTime'> {
  return {
    problem: itemProblem,
    isDateText(text: Value) {
      try {
        return typeof text === 'string' && parseDateText(text).hour >= 0
      } catch {
        return false
      }
    },
    isTime: (text, format) => typeof text === 'string' && parseTime(text, format) !== undefined,
    formatTime,
  }
}

/** Why an item would be ignored; undefined when it is good. Names of `whens` count as good: they may come with the pillar. */
export function itemProblem(name: string, item: ValueObject): string | undefined {
  try {
    encode(item)
    const { timing } = parseItem(name, item, { schedule: {}, whens: (text) => (/^[\p{L}_][\p{L}\p{N}_.-]*$/u.test(text) && !isDate(text) ? [] : undefined) })
    return timing.kind === 'none' ? 'It names no time: seconds, minutes, hours, days, when, cron or once' : undefined
  } catch (error) {
    return reason(error)
  }
}

function isDate(text: string): boolean {
  try {
    return parseDateText(text).hour >= 0
  } catch {
    return false
  }
}

function write(file: string, schedule: ValueObject): void {
  try {
    writeSaved(file, schedule)
  } catch (error) {
    throw new CommandExecutionError(`The schedule cannot be saved: ${file} cannot be written: ${reason(error)}. Nothing was changed.`, { cause: error })
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
