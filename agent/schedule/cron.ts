/**
 * Cron expressions: five fields with lists, ranges, steps and names, and the words that croniter knows (Salt uses croniter).
 *
 * Days: when day of month and day of week are both restricted, either is enough. Times are local. Where clocks change:
 * - with a free hour (`*`, with or without a step) real time counts: an hour that comes twice fires twice, one that is left out does not fire;
 * - with a fixed hour each time fires once: at its first coming, or as much later as the clock skipped.
 */

/** A parsed expression. */
export interface Cron {
  minutes: ReadonlySet<number>
  hours: ReadonlySet<number>
  daysOfMonth: ReadonlySet<number>
  months: ReadonlySet<number>
  daysOfWeek: ReadonlySet<number>
  /** Either restricted day is enough. */
  eitherDay: boolean
  freeHour: boolean
}

interface Field {
  name: string
  first: number
  last: number
  names: readonly string[]
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

const FIELDS: readonly [Field, Field, Field, Field, Field] = [
  { name: 'minute', first: 0, last: 59, names: [] },
  { name: 'hour', first: 0, last: 23, names: [] },
  { name: 'day of month', first: 1, last: 31, names: [] },
  { name: 'month', first: 1, last: 12, names: months },
  { name: 'day of week', first: 0, last: 6, names: days },
]

const WORDS: ReadonlyMap<string, string> = new Map([
  ['@hourly', '0 * * * *'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@weekly', '0 0 * * 0'],
  ['@monthly', '0 0 1 * *'],
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
])

/** Four years and a bit: the 29th of February, also around a year without one. */
const MAX_DAYS = 366 * 8 + 2
const minuteMs = 60_000

/**
 * Reads an expression.
 *
 * @throws Error that says which field is wrong, and how; also for one that no day ever fits.
 */
export function parseCron(text: string): Cron {
  const words = text.trim().toLowerCase()
  const fields = (WORDS.get(words) ?? words).split(/\s+/)
  if (fields.length !== FIELDS.length || words === '') {
    throw new Error(words.startsWith('@') ? `${text.trim()} is no word that stands for a time` : 'five fields are needed: minute hour day month weekday')
  }
  const [minutes, hours, daysOfMonth, monthSet, weekdays] = FIELDS.map((field, at) => readField(fields[at] ?? '', field)) as [
    Set<number>,
    Set<number>,
    Set<number>,
    Set<number>,
    Set<number>,
  ]
  const cron: Cron = {
    minutes,
    hours,
    daysOfMonth,
    months: monthSet,
    daysOfWeek: weekdays,
    eitherDay: daysOfMonth.size < 31 && weekdays.size < 7,
    freeHour: (fields[1] ?? '').startsWith('*'),
  }
  if (nextCron(cron, Date.UTC(2026, 0, 1)) === undefined) throw new Error('there is no such day')
  return cron
}

function readField(text: string, field: Field): Set<number> {
  const values = new Set<number>()
  for (const part of text.split(',')) for (const value of readPart(part, field)) values.add(value)
  return values
}

function readPart(part: string, field: Field): number[] {
  const match = /^(\*|[a-z0-9]+)(?:-([a-z0-9]+))?(?:\/(\d{1,4}))?$/.exec(part)
  if (match === null) throw new Error(`${field.name}: ${JSON.stringify(part)} is not understood`)
  const [, from = '', to, stepText] = match
  const step = stepText === undefined ? 1 : Number(stepText)
  if (step === 0) throw new Error(`${field.name}: a step of 0`)
  if (from === '*' && to !== undefined) throw new Error(`${field.name}: ${JSON.stringify(part)} is not understood`)
  const first = from === '*' ? field.first : readValue(from, field)
  const last = lastOf({ to, star: from === '*', stepped: stepText !== undefined, first }, field)
  return stretch(first, last, field).filter((_value, at) => at % step === 0)
}

/** Where a part ends: `5/15` means `5-59/15`. */
function lastOf(part: { to: string | undefined; star: boolean; stepped: boolean; first: number }, field: Field): number {
  if (part.to !== undefined) {
    // 7 is Sunday, and as the end of a range the day after Saturday.
    return field.names === days && part.to === '7' && part.first > 0 ? 7 : readValue(part.to, field)
  }
  return part.star || part.stepped ? field.last : part.first
}

/** All values of a range; `fri-mon` goes on at the beginning. */
function stretch(first: number, last: number, field: Field): number[] {
  const size = field.last - field.first + 1
  const length = (last >= first ? last - first : last - first + size) + 1
  return Array.from({ length }, (_each, at) => field.first + ((first - field.first + at) % size))
}

function readValue(text: string, field: Field): number {
  const named = field.names.indexOf(text)
  if (named >= 0) return named + field.first
  const value = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN
  if (field.names === days && value === 7) return 0
  if (!(value >= field.first && value <= field.last)) throw new Error(`${field.name}: ${text} is not between ${field.first} and ${field.last}`)
  return value
}

/** The first moment after this one (both milliseconds since the epoch) that the expression fits; undefined when there is none. */
export function nextCron(cron: Cron, after: number): number | undefined {
  const start = new Date(after)
  for (let day = 0; day <= MAX_DAYS; day += 1) {
    const date = new Date(start.getFullYear(), start.getMonth(), start.getDate() + day)
    if (!fitsDay(cron, date)) continue
    const found = cron.freeHour ? firstInRealTime(cron, date, after) : firstOfFixed(cron, date, after)
    if (found !== undefined) return found
  }
  return undefined
}

function fitsDay(cron: Cron, date: Date): boolean {
  if (!cron.months.has(date.getMonth() + 1)) return false
  const byMonth = cron.daysOfMonth.has(date.getDate())
  const byWeek = cron.daysOfWeek.has(date.getDay())
  return cron.eitherDay ? byMonth || byWeek : byMonth && byWeek
}

/** Goes through the minutes of a day as they come. */
function firstInRealTime(cron: Cron, day: Date, after: number): number | undefined {
  const end = new Date(day.getFullYear(), day.getMonth(), day.getDate() + 1).getTime()
  let at = Math.max(day.getTime(), Math.floor(after / minuteMs) * minuteMs + minuteMs)
  for (; at < end; at += minuteMs) {
    const time = new Date(at)
    if (cron.minutes.has(time.getMinutes()) && cron.hours.has(time.getHours())) return at
  }
  return undefined
}

/** Every wall time of a day has one moment. */
function firstOfFixed(cron: Cron, day: Date, after: number): number | undefined {
  let first: number | undefined
  for (const hour of cron.hours) {
    for (const minute of cron.minutes) {
      const at = new Date(day.getFullYear(), day.getMonth(), day.getDate(), hour, minute).getTime()
      if (at > after && (first === undefined || at < first)) first = at
    }
  }
  return first
}
