/** Python's strptime and strftime, as far as schedules use them (`once_fmt`, `time_fmt`), in local time. */

export const DEFAULT_FORMAT = '%Y-%m-%dT%H:%M:%S'

const monthNames = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December']
const dayNames = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

interface Parts {
  year: number
  month: number
  day: number
  hour: number
  minute: number
  second: number
  half?: 'am' | 'pm'
}

interface Directive {
  pattern: string
  read(text: string, parts: Parts): void
  write(date: Date): string
}

const two = (value: number): string => String(value).padStart(2, '0')
const short = (names: readonly string[]): string[] => names.map((name) => name.slice(0, 3))
const oneOf = (names: readonly string[]): string => names.join('|')
const indexIn = (names: readonly string[], text: string): number => names.findIndex((name) => name.toLowerCase() === text.toLowerCase())
const twelve = (date: Date): number => ((date.getHours() + 11) % 12) + 1

const DIRECTIVES: Readonly<Record<string, Directive>> = {
  Y: { pattern: String.raw`\d{4}`, read: (text, parts) => void (parts.year = Number(text)), write: (date) => String(date.getFullYear()) },
  y: {
    pattern: String.raw`\d{2}`,
    // POSIX: 69 to 99 are of the last century.
    read: (text, parts) => void (parts.year = Number(text) + (Number(text) < 69 ? 2000 : 1900)),
    write: (date) => two(date.getFullYear() % 100),
  },
  m: { pattern: String.raw`\d{1,2}`, read: (text, parts) => void (parts.month = Number(text)), write: (date) => two(date.getMonth() + 1) },
  d: { pattern: String.raw`\d{1,2}`, read: (text, parts) => void (parts.day = Number(text)), write: (date) => two(date.getDate()) },
  H: { pattern: String.raw`\d{1,2}`, read: (text, parts) => void (parts.hour = Number(text)), write: (date) => two(date.getHours()) },
  I: { pattern: String.raw`\d{1,2}`, read: (text, parts) => void (parts.hour = Number(text)), write: (date) => two(twelve(date)) },
  M: { pattern: String.raw`\d{1,2}`, read: (text, parts) => void (parts.minute = Number(text)), write: (date) => two(date.getMinutes()) },
  S: { pattern: String.raw`\d{1,2}`, read: (text, parts) => void (parts.second = Number(text)), write: (date) => two(date.getSeconds()) },
  f: { pattern: String.raw`\d{1,6}`, read: () => {}, write: (date) => String(date.getMilliseconds() * 1000).padStart(6, '0') },
  p: {
    pattern: 'am|pm',
    read: (text, parts) => void (parts.half = text.toLowerCase() === 'pm' ? 'pm' : 'am'),
    write: (date) => (date.getHours() < 12 ? 'AM' : 'PM'),
  },
  B: { pattern: oneOf(monthNames), read: (text, parts) => void (parts.month = indexIn(monthNames, text) + 1), write: (date) => monthNames[date.getMonth()] ?? '' },
  b: {
    pattern: oneOf(short(monthNames)),
    read: (text, parts) => void (parts.month = indexIn(short(monthNames), text) + 1),
    write: (date) => short(monthNames)[date.getMonth()] ?? '',
  },
  A: { pattern: oneOf(dayNames), read: () => {}, write: (date) => dayNames[date.getDay()] ?? '' },
  a: { pattern: oneOf(short(dayNames)), read: () => {}, write: (date) => short(dayNames)[date.getDay()] ?? '' },
}

/** A format's pieces: directives by their letter, and the text between them. */
function piecesOf(format: string): { letter: string; text: string }[] {
  const pieces: { letter: string; text: string }[] = []
  for (const match of format.matchAll(/%(.)|([^%]+)|%$/gsu)) {
    const [whole, letter, text] = match
    if (letter === '%') pieces.push({ letter: '', text: '%' })
    else if (letter !== undefined) pieces.push({ letter, text: whole })
    else pieces.push({ letter: '', text: text ?? whole })
  }
  return pieces
}

/** The moment that a text in this format means, milliseconds since the epoch; undefined when it does not fit the format. */
export function parseTime(text: string, format: string): number | undefined {
  const readers: Directive[] = []
  let pattern = ''
  for (const { letter, text: between } of piecesOf(format)) {
    if (letter === '') pattern += between.replaceAll(/[.*+?^${}()|[\]\\/-]/g, String.raw`\$&`).replaceAll(/\s+/g, String.raw`\s+`)
    else {
      const directive = Object.hasOwn(DIRECTIVES, letter) ? DIRECTIVES[letter] : undefined
      if (directive === undefined) return undefined
      pattern += `(${directive.pattern})`
      readers.push(directive)
    }
  }
  const found = new RegExp(`^${pattern}$`, 'i').exec(text)
  if (found === null) return undefined
  const parts: Parts = { year: 1900, month: 1, day: 1, hour: 0, minute: 0, second: 0 }
  for (const [at, reader] of readers.entries()) reader.read(found[at + 1] ?? '', parts)
  return momentOfParts(parts)
}

function momentOfParts(parts: Parts): number | undefined {
  const { year, month, day, minute, second, half } = parts
  if (half !== undefined && (parts.hour < 1 || parts.hour > 12)) return undefined
  const hour = half === undefined ? parts.hour : (parts.hour % 12) + (half === 'pm' ? 12 : 0)
  const days = month >= 1 && month <= 12 ? new Date(year, month, 0).getDate() : 0
  if (day < 1 || day > days || hour > 23 || minute > 59 || second > 59) return undefined
  return new Date(year, month - 1, day, hour, minute, second).getTime()
}

/** A moment (milliseconds since the epoch) in this format, in local time. */
export function formatTime(at: number, format: string): string {
  const date = new Date(at)
  return piecesOf(format)
    .map(({ letter, text }) => (Object.hasOwn(DIRECTIVES, letter) ? DIRECTIVES[letter]?.write(date) ?? text : text))
    .join('')
}
