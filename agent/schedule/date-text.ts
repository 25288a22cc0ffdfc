/**
 * The texts that say when: `5:00pm`, `Monday 17:00`, `January 4, 2026 3:00pm`, `2026-01-04T15:00:00+01:00`. What a text leaves out
 * is today's, so that `5:00pm` comes every day and `Monday` every week. Salt reads them with dateutil; what that guesses and this
 * does not know (two-digit years, days before months in digits, words such as `noon`) is refused.
 */

/** What a text says of a moment. */
export interface DateText {
  year?: number
  /** From 1. */
  month?: number
  day?: number
  /** From Sunday, 0. Only where no day of the month is given. */
  weekday?: number
  hour: number
  minute: number
  second: number
  /** Minutes east of UTC; local time without. */
  offset?: number
}

const monthNames = ['january', 'february', 'march', 'april', 'may', 'june', 'july', 'august', 'september', 'october', 'november', 'december']
const dayNames = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']

const timePattern =
  /(?<![\d:])(\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(?:\.\d{1,9})?)?)\s*(am|pm|a\.m\.|p\.m\.)?(?:\s*(z|utc|gmt|[+-]\d{2}:?\d{2})(?![\d:a-z]))?(?![\d:a-z])/
const hourPattern = /(?<![\d:])(\d{1,2})\s*(am|pm|a\.m\.|p\.m\.)(?![a-z])/
const compactPattern = /^(\d{4})(\d{2})(\d{2})(?:t?(\d{2})(\d{2})(\d{2})?)?$/

/**
 * Reads a text.
 *
 * @throws Error that says what is not understood.
 */
export function parseDateText(text: string): DateText {
  const compact = compactPattern.exec(text.trim().toLowerCase())
  if (compact !== null) return checked(compactDate(compact), text)
  let rest = ` ${text.trim().toLowerCase().replaceAll(',', ' ')} `
  let time = { hour: 0, minute: 0, second: 0 } as DateText
  const clock = timePattern.exec(rest)
  const hourOnly = clock === null ? hourPattern.exec(rest) : null
  if (clock !== null) {
    time = timeOf({ hour: clock[1], minute: clock[2], second: clock[3], half: clock[4], zone: clock[5] }, text)
    rest = rest.replace(clock[0], ' ')
  } else if (hourOnly !== null) {
    time = timeOf({ hour: hourOnly[1], half: hourOnly[2] }, text)
    rest = rest.replace(hourOnly[0], ' ')
  }
  // The T of `2026-01-04T15:00`.
  const date = dateOf(rest.replace(/(\d)t\s*$/, '$1').trim(), text)
  if (date === undefined) {
    if (clock === null && hourOnly === null) throw new Error(`${JSON.stringify(text)} holds no date`)
    return checked(time, text)
  }
  return checked({ ...time, ...date }, text)
}

function compactDate(found: RegExpExecArray): DateText {
  const [, year, month, day, hour = '0', minute = '0', second = '0'] = found.map((part) => part)
  return { year: Number(year), month: Number(month), day: Number(day), hour: Number(hour), minute: Number(minute), second: Number(second) }
}

interface TimeParts {
  hour: string | undefined
  minute?: string | undefined
  second?: string | undefined
  half?: string | undefined
  zone?: string | undefined
}

function timeOf(parts: TimeParts, text: string): DateText {
  let hour = Number(parts.hour)
  if (parts.half !== undefined) {
    if (hour < 1 || hour > 12) throw new Error(`${JSON.stringify(text)}: there is no hour ${hour}${parts.half}`)
    hour = (hour % 12) + (parts.half.startsWith('p') ? 12 : 0)
  }
  const time = { hour, minute: Number(parts.minute ?? 0), second: Number(parts.second ?? 0) }
  return parts.zone === undefined ? time : { ...time, offset: offsetOf(parts.zone) }
}

function offsetOf(zone: string): number {
  const digits = /^([+-])(\d{2}):?(\d{2})$/.exec(zone)
  if (digits === null) return 0
  return (digits[1] === '-' ? -1 : 1) * (Number(digits[2]) * 60 + Number(digits[3]))
}

/** The date part; undefined when there is none. */
function dateOf(rest: string, text: string): Partial<DateText> | undefined {
  if (rest === '') return undefined
  const words = rest.split(/\s+/)
  const found: { year?: number; month?: number; day?: number; weekday?: number } = {}
  const put = (name: 'year' | 'month' | 'day' | 'weekday', value: number) => {
    if (found[name] !== undefined) throw new Error(`${JSON.stringify(text)} names two of a ${name}`)
    found[name] = value
  }
  for (const word of words) if (!readWord(word, put)) throw new Error(`${JSON.stringify(text)}: ${JSON.stringify(word)} is not understood`)
  if (found.year !== undefined && found.month === undefined) throw new Error(`${JSON.stringify(text)} names a year and no month`)
  if (found.day !== undefined && found.month === undefined) throw new Error(`${JSON.stringify(text)} names a day and no month`)
  if (found.month !== undefined && found.day === undefined) throw new Error(`${JSON.stringify(text)} names a month and no day`)
  if (found.day !== undefined) delete found.weekday
  return found
}

type Put = (name: 'year' | 'month' | 'day' | 'weekday', value: number) => void

function readWord(word: string, put: Put): boolean {
  const month = nameAt(monthNames, word)
  const weekday = nameAt(dayNames, word)
  const iso = /^(\d{4})[-/](\d{1,2})[-/](\d{1,2})$/.exec(word)
  const american = /^(\d{1,2})[-/](\d{1,2})[-/](\d{4})$/.exec(word)
  const day = /^(\d{1,2})(?:st|nd|rd|th)?$/.exec(word)
  if (month !== undefined) put('month', month + 1)
  else if (weekday !== undefined) put('weekday', weekday)
  else if (/^\d{4}$/.test(word)) put('year', Number(word))
  else if (day !== null) put('day', Number(day[1]))
  else if (iso !== null) putDate(put, iso[1], iso[2], iso[3])
  else if (american !== null) putDate(put, american[3], american[1], american[2])
  else return word === 'of' || word === 'at'
  return true
}

function putDate(put: Put, year: string | undefined, month: string | undefined, day: string | undefined): void {
  put('year', Number(year))
  put('month', Number(month))
  put('day', Number(day))
}

/** A name or its first letters, three at least (`sep`, `sept`, `thurs`), with or without a point. */
function nameAt(names: readonly string[], word: string): number | undefined {
  const letters = word.replace(/\.$/, '')
  const at = letters.length < 3 ? -1 : names.findIndex((name) => name.startsWith(letters))
  return at < 0 ? undefined : at
}

function checked(date: DateText, text: string): DateText {
  const inRange = date.hour < 24 && date.minute < 60 && date.second < 60
  if (!inRange) throw new Error(`${JSON.stringify(text)}: there is no such time`)
  if (date.month !== undefined && date.day !== undefined) {
    const days = date.month >= 1 && date.month <= 12 ? new Date(date.year ?? 2024, date.month, 0).getDate() : 0
    if (date.day < 1 || date.day > days) throw new Error(`${JSON.stringify(text)}: there is no such day`)
  }
  return date
}

/** The moment that a text means today, milliseconds since the epoch. A weekday is the next one, today included. */
export function momentOf(date: DateText, now: number): number {
  return momentNear(date, now, 0)
}

/** The first moment at or after `from` that a text means; undefined when it is past for good. */
export function nextMoment(date: DateText, from: number): number | undefined {
  const step = stepOf(date)
  for (let times = 0; times <= (step === 'never' ? 0 : 8); times += 1) {
    const at = momentNear(date, from, times)
    if (at >= from && !Number.isNaN(at)) return at
  }
  return undefined
}

function stepOf(date: DateText): 'year' | 'day' | 'never' {
  if (date.year !== undefined) return 'never'
  return date.month === undefined ? 'day' : 'year'
}

/** `times`: days (or years, for a day without a year) after today's. */
function momentNear(date: DateText, from: number, times: number): number {
  // A text with a zone has its fields, and today, in that zone.
  const today = fieldsOf(from, date.offset)
  const step = stepOf(date)
  const year = date.year ?? today.year + (step === 'year' ? times : 0)
  let { month, day } = { month: date.month ?? today.month, day: date.day ?? today.day + (step === 'day' ? times : 0) }
  if (date.weekday !== undefined) day += (date.weekday - new Date(Date.UTC(year, month - 1, day)).getUTCDay() + 7) % 7
  // The 29th of February of a year without one.
  if (date.month === 2 && day === 29 && new Date(year, 2, 0).getDate() < 29) return Number.NaN
  month -= 1
  if (date.offset !== undefined) return Date.UTC(year, month, day, date.hour, date.minute, date.second) - date.offset * 60_000
  return new Date(year, month, day, date.hour, date.minute, date.second).getTime()
}

function fieldsOf(at: number, offset: number | undefined): { year: number; month: number; day: number } {
  if (offset === undefined) {
    const local = new Date(at)
    return { year: local.getFullYear(), month: local.getMonth() + 1, day: local.getDate() }
  }
  const zoned = new Date(at + offset * 60_000)
  return { year: zoned.getUTCFullYear(), month: zoned.getUTCMonth() + 1, day: zoned.getUTCDate() }
}
