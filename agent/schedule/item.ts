/** One item of a schedule, read: when it is due, what stands in its way, and what it runs. */
import { isTruthy, pythonStr } from '../matchers/python-text.ts'
import { Float, get, isMap } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import { parseCron, type Cron } from './cron.ts'
import { parseDateText, type DateText } from './date-text.ts'
import { DEFAULT_FORMAT, parseTime } from './time-format.ts'

/** Keys of a schedule that are no items. */
export const GLOBAL_KEYS: readonly string[] = ['enabled', 'skip_function', 'skip_during_range', 'splay']

export type Timing =
  | { kind: 'interval'; ms: number }
  | { kind: 'cron'; cron: Cron }
  | { kind: 'when'; dates: DateText[] }
  | { kind: 'once'; at: number }
  /** Runs only when it is told to. */
  | { kind: 'none' }

/** Seconds added to a due time, both ends included. */
export interface Splay {
  first: number
  last: number
}

export interface DateRange {
  start: DateText
  end: DateText
  invert: boolean
}

export interface Item {
  /** Its name in the schedule. */
  key: string
  /** What its returns are called in `schedule`. */
  name: string
  fun: string
  arg: Value[]
  timing: Timing
  splay: Splay | undefined
  enabled: boolean
  runOnStart: boolean
  /** Runs of this name at a time; unbounded with `jid_include: False`. */
  maxRunning: number
  dryRun: boolean
  range: DateRange | undefined
  skipDuringRange: DateRange | undefined
  runAfterSkipRange: boolean
  until: DateText | undefined
  after: DateText | undefined
  /** Moments, milliseconds since the epoch. */
  runExplicit: number[]
  skipExplicit: number[]
  /** Runs in place of a skipped function. */
  skipFunction: string | undefined
  data: ValueObject
}

export interface ItemSources {
  /** The schedule it stands in, for what is set for all items. */
  schedule: ValueObject
  /** A name's date texts in the pillar's or the grains' `whens`. */
  whens(name: string): Value | undefined
}

const intervalUnits = [['seconds', 1], ['minutes', 60], ['hours', 3600], ['days', 86_400]] as const
const scheduling = ['when', 'cron', 'once'] as const
const maxSeconds = 100 * 366 * 86_400

/**
 * Reads an item as Salt's scheduler does (utils/schedule.py, eval).
 *
 * @throws Error with the reason why it is ignored, in Salt's words where Salt has them.
 */
export function parseItem(key: string, data: ValueObject, sources: ItemSources): Item {
  const name = get(data, 'name') === undefined ? key : pythonStr(data['name'] ?? null)
  const splay = get(data, 'splay') ?? get(sources.schedule, 'splay')
  const jidInclude = isTruthy(get(data, 'jid_include') ?? true)
  const skipFunction = get(sources.schedule, 'skip_function')
  const skipRange = get(data, 'skip_during_range') ?? get(sources.schedule, 'skip_during_range')
  return {
    key,
    name,
    fun: functionOf(data),
    arg: argumentsOf(data),
    timing: timingOf(data, sources),
    splay: splay === undefined || !isTruthy(splay) ? undefined : splayOf(splay),
    enabled: isTruthy(get(data, 'enabled') ?? true),
    runOnStart: isTruthy(get(data, 'run_on_start') ?? false),
    maxRunning: jidInclude ? integerOf(get(data, 'maxrunning') ?? 1, 'maxrunning') : Infinity,
    dryRun: isTruthy(get(data, 'dry_run') ?? false),
    range: rangeOf(get(data, 'range'), 'range'),
    skipDuringRange: rangeOf(skipRange, 'skip_during_range'),
    runAfterSkipRange: isTruthy(get(data, 'run_after_skip_range') ?? false),
    until: dateOf(get(data, 'until'), 'until'),
    after: dateOf(get(data, 'after'), 'after'),
    runExplicit: momentsOf(get(data, 'run_explicit'), 'run_explicit'),
    skipExplicit: momentsOf(get(data, 'skip_explicit'), 'skip_explicit'),
    skipFunction: typeof skipFunction === 'string' && skipFunction !== '' ? skipFunction : undefined,
    data,
  }
}

function functionOf(data: ValueObject): string {
  const fun = get(data, 'function') ?? get(data, 'func') ?? get(data, 'fun')
  if (typeof fun !== 'string' || fun === '') throw new Error('It names no function')
  return fun
}

/** `args`, then `kwargs` as a publication carries keywords. */
function argumentsOf(data: ValueObject): Value[] {
  const args = get(data, 'args') ?? []
  const kwargs = get(data, 'kwargs')
  if (!Array.isArray(args)) throw new Error('args is not a list')
  if (kwargs === undefined || kwargs === null) return args
  if (!isMap(kwargs)) throw new Error('kwargs is not a map')
  const marked = kwargs instanceof Map ? new Map([...kwargs, ['__kwarg__', true] as [Value, Value]]) : { ...kwargs, __kwarg__: true }
  return [...args, marked]
}

function timingOf(data: ValueObject, sources: ItemSources): Timing {
  const units = intervalUnits.filter(([unit]) => Object.hasOwn(data, unit))
  const others = scheduling.filter((name) => Object.hasOwn(data, name))
  if (others.length > 1) throw new Error(`Unable to use "${scheduling.join('", "')}" options together`)
  const [other] = others
  if (units.length > 0) {
    if (other !== undefined) throw new Error('Unable to use "seconds", "minutes", "hours", "days" with "when", "cron", "once" options')
    const seconds = units.reduce((sum, [unit, factor]) => sum + integerOf(data[unit] ?? null, unit) * factor, 0)
    if (seconds < 1 || seconds > maxSeconds) throw new Error(`An interval of ${seconds} seconds is not possible`)
    return { kind: 'interval', ms: seconds * 1000 }
  }
  if (other === 'cron') return { kind: 'cron', cron: cronOf(data['cron'] ?? null) }
  if (other === 'when') return { kind: 'when', dates: whenOf(data['when'] ?? null, sources) }
  if (other === 'once') return { kind: 'once', at: onceOf(data) }
  return { kind: 'none' }
}

function cronOf(value: Value): Cron {
  if (typeof value !== 'string') throw new Error('Invalid cron string: it is no text')
  try {
    return parseCron(value)
  } catch (error) {
    throw new Error(`Invalid cron string: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

function whenOf(value: Value, { whens }: ItemSources): DateText[] {
  const given = Array.isArray(value) ? value : [value]
  return given.flatMap((one) => {
    const named = typeof one === 'string' ? whens(one) : undefined
    const texts = named === undefined ? [one] : Array.isArray(named) ? named : [named]
    return texts.map((text) => {
      if (typeof text !== 'string') throw new Error(`Invalid date string ${pythonStr(one)}`)
      try {
        return parseDateText(text)
      } catch (error) {
        throw new Error(`Invalid date string ${pythonStr(one)}`, { cause: error })
      }
    })
  })
}

function onceOf(data: ValueObject): number {
  const format = get(data, 'once_fmt') ?? DEFAULT_FORMAT
  const { once = null } = data
  const at = typeof once === 'string' && typeof format === 'string' ? parseTime(once, format) : undefined
  if (at === undefined) throw new Error(`Date string could not be parsed: ${pythonStr(once)}, ${pythonStr(format)}`)
  return at
}

function splayOf(value: Value): Splay {
  if (isMap(value)) {
    const first = integerOf(get(value, 'start') ?? null, 'splay.start')
    const last = integerOf(get(value, 'end') ?? null, 'splay.end')
    if (last < first || first < 0) throw new Error('Invalid Splay, end must be larger than start')
    return { first, last }
  }
  const last = integerOf(value, 'splay')
  if (last < 1) throw new Error('Invalid Splay, it must be at least 1 second')
  return { first: 1, last }
}

function rangeOf(value: Value | undefined, option: string): DateRange | undefined {
  if (value === undefined || value === null) return undefined
  if (!isMap(value)) throw new Error(`schedule.handle_func: Invalid, ${option} must be specified as a dictionary`)
  const start = dateOf(get(value, 'start') ?? '', `start of ${option}`)
  const end = dateOf(get(value, 'end') ?? '', `end of ${option}`)
  if (start === undefined || end === undefined) throw new Error(`Invalid date string for ${option}`)
  return { start, end, invert: isTruthy(get(value, 'invert') ?? false) }
}

function dateOf(value: Value | undefined, option: string): DateText | undefined {
  if (value === undefined || value === null) return undefined
  try {
    if (typeof value === 'string') return parseDateText(value)
  } catch (error) {
    throw new Error(`Invalid date string for ${option}: ${pythonStr(value)}`, { cause: error })
  }
  throw new Error(`Invalid date string for ${option}: ${pythonStr(value)}`)
}

/** A list of `{time, time_fmt}`, or of texts in Salt's default format. */
function momentsOf(value: Value | undefined, option: string): number[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw new Error(`${option} is not a list`)
  return value.map((one) => {
    const text = isMap(one) ? get(one, 'time') : one
    const format = (isMap(one) ? get(one, 'time_fmt') : undefined) ?? DEFAULT_FORMAT
    const at = typeof text === 'string' && typeof format === 'string' ? parseTime(text, format) : undefined
    if (at === undefined) throw new Error(`Date string could not be parsed in ${option}: ${pythonStr(one)}`)
    return at
  })
}

function integerOf(value: Value, option: string): number {
  const plain = value instanceof Float ? value.value : value
  const number = typeof plain === 'string' && /^\s*[-+]?\d{1,15}\s*$/.test(plain) ? Number(plain) : plain
  if (typeof number !== 'number' || !Number.isFinite(number)) throw new Error(`${option} is no number: ${pythonStr(value)}`)
  return Math.trunc(number)
}
