/** Times as Python's strftime writes them, in the C locale. */

/** A moment on a clock that shows `offsetMinutes` more than UTC. `zone`: its short name, as for %Z. */
export interface ClockTime {
  at: Date
  offsetMinutes: number
  zone: string
}

const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const months = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December']

/** What is written for each letter. `shown`: the time whose UTC fields are those of the clock. */
const directives: Readonly<Record<string, (shown: Date, time: ClockTime) => string>> = {
  a: (shown) => (days[shown.getUTCDay()] ?? '').slice(0, 3),
  A: (shown) => days[shown.getUTCDay()] ?? '',
  w: (shown) => String(shown.getUTCDay()),
  u: (shown) => String(shown.getUTCDay() || 7),
  d: (shown) => two(shown.getUTCDate()),
  e: (shown) => String(shown.getUTCDate()).padStart(2),
  b: (shown) => (months[shown.getUTCMonth()] ?? '').slice(0, 3),
  h: (shown) => (months[shown.getUTCMonth()] ?? '').slice(0, 3),
  B: (shown) => months[shown.getUTCMonth()] ?? '',
  m: (shown) => two(shown.getUTCMonth() + 1),
  y: (shown) => two(shown.getUTCFullYear() % 100),
  Y: (shown) => String(shown.getUTCFullYear()),
  C: (shown) => two(Math.floor(shown.getUTCFullYear() / 100)),
  H: (shown) => two(shown.getUTCHours()),
  I: (shown) => two(shown.getUTCHours() % 12 || 12),
  k: (shown) => String(shown.getUTCHours()).padStart(2),
  l: (shown) => String(shown.getUTCHours() % 12 || 12).padStart(2),
  p: (shown) => (shown.getUTCHours() < 12 ? 'AM' : 'PM'),
  P: (shown) => (shown.getUTCHours() < 12 ? 'am' : 'pm'),
  M: (shown) => two(shown.getUTCMinutes()),
  S: (shown) => two(shown.getUTCSeconds()),
  f: (shown) => String(shown.getUTCMilliseconds()).padStart(3, '0') + '000',
  j: (shown) => String(dayOfYear(shown) + 1).padStart(3, '0'),
  U: (shown) => two(Math.floor((dayOfYear(shown) + 7 - shown.getUTCDay()) / 7)),
  W: (shown) => two(Math.floor((dayOfYear(shown) + 7 - ((shown.getUTCDay() + 6) % 7)) / 7)),
  V: (shown) => two(isoWeek(shown).week),
  G: (shown) => String(isoWeek(shown).year),
  s: (_shown, { at }) => String(Math.floor(at.getTime() / 1000)),
  z: (_shown, { offsetMinutes }) => offsetText(offsetMinutes),
  Z: (_shown, { zone }) => zone,
  n: () => '\n',
  t: () => '\t',
  '%': () => '%',
}

/** Letters that stand for others. */
const composed: Readonly<Record<string, string>> = {
  c: '%a %b %e %H:%M:%S %Y',
  D: '%m/%d/%y',
  x: '%m/%d/%y',
  F: '%Y-%m-%d',
  R: '%H:%M',
  T: '%H:%M:%S',
  X: '%H:%M:%S',
  r: '%I:%M:%S %p',
}

/** The time by a format; a directive that is not known stays as it is. `%-d` writes without the leading zero or blank. */
export function strftime(time: ClockTime, format: string): string {
  const shown = new Date(time.at.getTime() + time.offsetMinutes * 60_000)
  return format.replaceAll(/%(-?)([A-Za-z%])/g, (whole, bare: string, letter: string) => {
    const others = composed[letter]
    if (others !== undefined) return strftime(time, others)
    const text = directives[letter]?.(shown, time)
    if (text === undefined) return whole
    return bare === '' ? text : text.replace(/^[0 ]+(?=.)/, '')
  })
}

/** An offset as `+0130`. */
export function offsetText(minutes: number): string {
  const size = Math.abs(minutes)
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}${two(size % 60)}`
}

function two(number: number): string {
  return String(number).padStart(2, '0')
}

function dayOfYear(shown: Date): number {
  return Math.floor((shown.getTime() - Date.UTC(shown.getUTCFullYear(), 0, 1)) / 86_400_000)
}

/** A week belongs to the year of its Thursday. */
function isoWeek(shown: Date): { year: number; week: number } {
  const thursday = new Date(shown.getTime() + (4 - (shown.getUTCDay() || 7)) * 86_400_000)
  return { year: thursday.getUTCFullYear(), week: Math.floor(dayOfYear(thursday) / 7) + 1 }
}
