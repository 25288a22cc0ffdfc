/** The logger behind `Logger`: pino, with Salt's level names. The one file that knows pino. */
import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino'
import { formatSaltLine } from './log-format.ts'
import { redactFields } from './log-redact.ts'
import type { Logger } from './log.ts'

/** Salt's level names (salt/_logging): more than pino has, so some share one. */
export type SaltLevel = 'all' | 'garbage' | 'trace' | 'debug' | 'profile' | 'info' | 'warning' | 'error' | 'critical' | 'quiet'

export interface LogSettings {
  /** Level of standard error. */
  level: SaltLevel
  /** Written to as well, with its own level. */
  file?: { path: string; level: SaltLevel }
  /** `auto`: as Salt prints it on a terminal, JSON elsewhere. */
  format: 'auto' | 'salt' | 'json'
  /** Where the first output goes: a file descriptor or a path. */
  output: number | string
  isTerminal: boolean
  /** Whether levels may be coloured on a terminal. */
  colour: boolean
  /** True when the output is the journal (JOURNAL_STREAM is set): each line begins with its priority, `<4>`. */
  journal: boolean
  /** Told once when an output cannot be written any more; logging goes on without it, and with it when it can be. */
  onError: (error: Error) => void
}

export interface LogOutput {
  log: Logger
  /** Opens the log file again under its name, after it was rotated away. */
  reopen: () => void
  /** Writes what is held back and closes the file. */
  close: () => void
}

/** The log file cannot be opened at the start. */
export class LogFileError extends Error {
  /** sysexits.h EX_NOPERM or EX_UNAVAILABLE. */
  readonly exitCode: number
  override name = 'LogFileError'
  constructor(path: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    super(`the log file ${path} cannot be written: ${reason}; set log_file to a file that this user may write`, { cause })
    this.exitCode = /^(EACCES|EPERM)\b/.test(reason) ? 77 : 69
  }
}

const PINO_LEVEL = {
  all: 'trace',
  garbage: 'trace',
  trace: 'trace',
  debug: 'debug',
  profile: 'debug',
  info: 'info',
  warning: 'warn',
  error: 'error',
  critical: 'fatal',
  quiet: 'silent',
} as const satisfies Record<SaltLevel, string>

const SALT_NAME: Record<string, string> = { trace: 'trace', debug: 'debug', info: 'info', warn: 'warning', error: 'error', fatal: 'critical' }

/**
 * Opens the outputs and gives a logger that writes to them. Fields whose names look secret are printed as `***`.
 *
 * Lines are written synchronously, so that the last one before a crash is there.
 *
 * @throws LogFileError when the file cannot be opened
 */
export function createLogger(settings: LogSettings): LogOutput {
  const asSalt = settings.format === 'salt' || (settings.format === 'auto' && settings.isTerminal)
  const first = openDestination(settings.output, settings.onError)
  const format = asSalt ? (line: string) => formatSaltLine(line, { colour: settings.colour && settings.isTerminal, stamped: false }) : undefined
  const streams = [{ level: streamLevel(settings.level), stream: lineWriter(first, format, settings.journal) }]
  const file = settings.file === undefined ? undefined : openDestination(settings.file.path, settings.onError)
  if (settings.file !== undefined && file !== undefined) {
    const fileFormat = settings.format === 'salt' ? (line: string) => formatSaltLine(line, { colour: false, stamped: true }) : undefined
    streams.push({ level: streamLevel(settings.file.level), stream: lineWriter(file, fileFormat, false) })
  }
  const kept = streams.filter((entry) => entry.level !== Number.POSITIVE_INFINITY)
  const logger = pino(
    {
      level: kept.length === 0 ? 'silent' : lowest(kept),
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: SALT_NAME[label] ?? label }),
        log: redactFields,
      },
      // The library would describe the copy that redactFields made of an error once more.
      serializers: { err: (value: unknown) => value },
    },
    pino.multistream(kept as { level: number; stream: DestinationStream }[]),
  )
  return {
    log: wrap(logger),
    reopen: () => file && reopen(file),
    close() {
      file?.flushSync()
      file?.end()
    },
  }
}

type Destination = ReturnType<typeof pino.destination>

/** What an output that cannot be written may hold back, bytes: its disk may stay full for weeks. What comes then is left out. */
const MAX_HELD_BYTES = 2 ** 20

function openDestination(dest: number | string, onError: (error: Error) => void): Destination {
  const destination = openSync(dest)
  let isFailing = false
  // A full disk or a closed pipe must not end the agent.
  destination.on('error', (error: Error) => {
    if (!isFailing) onError(error)
    isFailing = true
  })
  destination.on('write', () => {
    isFailing = false
  })
  return destination
}

function openSync(dest: number | string): Destination {
  try {
    return pino.destination({ dest, sync: true, mkdir: true, mode: 0o640, maxLength: MAX_HELD_BYTES })
  } catch (error) {
    throw new LogFileError(String(dest), error)
  }
}

/** One that cannot be opened goes on under its old name, and the event tells why: thrown in a signal's handler it would end the agent. */
function reopen(destination: Destination): void {
  try {
    destination.reopen()
  } catch {
    // Else the next time would close the old descriptor twice, which by then may be of another file.
    destination.removeAllListeners('ready')
  }
}

function lineWriter(destination: Destination, format: ((line: string) => string) | undefined, journal: boolean): DestinationStream {
  return {
    write(line) {
      const text = format === undefined ? line : format(line)
      destination.write(journal ? text.replaceAll(/^(?=.)/gm, `<${priority(line)}>`) : text)
    },
  }
}

/** The syslog priority of a line (sd-daemon.h). */
function priority(line: string): number {
  const level = /^\{"level":"([a-z]+)"/.exec(line)?.[1]
  if (level === 'critical') return 2
  if (level === 'error') return 3
  if (level === 'warning') return 4
  return level === 'info' ? 6 : 7
}

function streamLevel(level: SaltLevel): number {
  const name = PINO_LEVEL[level]
  return name === 'silent' ? Number.POSITIVE_INFINITY : (pino.levels.values[name] ?? Number.POSITIVE_INFINITY)
}

function lowest(streams: { level: number }[]): string {
  return pino.levels.labels[Math.min(...streams.map((entry) => entry.level))] ?? 'silent'
}

function wrap(logger: PinoLogger): Logger {
  return {
    trace: (fields, message) => logger.trace(fields, message),
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    child: (bindings) => wrap(logger.child(redactFields(bindings))),
  }
}
