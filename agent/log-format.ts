import { styleText } from 'node:util'

export interface SaltFormat {
  colour: boolean
  /** With the time and the process, as in Salt's log file; without, as on its terminal. */
  stamped: boolean
}

const COLOUR = { trace: 'gray', debug: 'cyan', info: 'green', warning: 'yellow', error: 'red', critical: 'magenta' } as const

/**
 * Turns a JSON line into one as Salt prints it: `[WARNING ] message key=value` on a terminal (log_fmt_console), with
 * `2026-01-31 12:00:00,000 [part             :0   ][WARNING ][4711] ` in a file (log_fmt_logfile). A line that is no JSON stays as it is.
 */
export function formatSaltLine(line: string, { colour, stamped }: SaltFormat): string {
  const record = parseRecord(line)
  if (record === undefined) return line
  const { level, time, msg, part, err, ...fields } = record
  const name = String(level)
  const label = `[${name.toUpperCase().padEnd(8)}]`
  const shown = colour && isColoured(name) ? styleText(COLOUR[name], label, { validateStream: false }) : label
  const head = stamped ? `${saltTime(String(time))} [${(typeof part === 'string' ? part : 'brine').padEnd(17)}:0   ]${label}[${process.pid}]` : shown
  const rest = Object.entries(stamped || part === undefined ? fields : { part, ...fields })
  const words = [typeof msg === 'string' ? msg : '', ...rest.map(([key, value]) => `${key}=${typeof value === 'string' ? quoted(value) : JSON.stringify(value)}`)]
  const trace = describeError(err)
  return `${head} ${words.join(' ')}${trace === undefined ? '' : `\n${trace}`}\n`
}

function parseRecord(line: string): Record<string, unknown> | undefined {
  try {
    const record: unknown = JSON.parse(line)
    return typeof record === 'object' && record !== null ? (record as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function isColoured(name: string): name is keyof typeof COLOUR {
  return Object.hasOwn(COLOUR, name)
}

/** `2026-01-31T12:00:00.000Z` as `2026-01-31 12:00:00,000`. */
function saltTime(time: string): string {
  return time.replace('T', ' ').replace('.', ',').replace('Z', '')
}

/** Texts that a reader could not tell from the next field stand in quotes; control characters never reach a terminal. */
function quoted(value: string): string {
  return /^[\w./:@+,-]+$/.test(value) ? value : JSON.stringify(value)
}

function describeError(err: unknown): string | undefined {
  if (typeof err !== 'object' || err === null) return err === undefined ? undefined : JSON.stringify(err)
  if ('stack' in err && typeof err.stack === 'string') return err.stack
  return JSON.stringify(err)
}
