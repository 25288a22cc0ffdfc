/**
 * What an error of the store means for the store.
 *
 * - `damaged`: the file is not what was written; it is set aside and replaced.
 * - `unavailable`: the disk or the file system does not let us write now; tried again later.
 * - `operation`: this one change was wrong; the others of its commit are not.
 */
export type Fault = 'damaged' | 'unavailable' | 'operation'

/** Refuses to start: the reason is for a person to act on. */
export class OutboxRefusedError extends Error {
  readonly code: string = 'OUTBOX_REFUSED'
  constructor(reason: string, options?: ErrorOptions) {
    super(`the outbox cannot be used: ${reason}`, options)
    this.name = 'OutboxRefusedError'
  }
}

/** Refuses to start because another process has the store. */
export class OutboxLockedError extends OutboxRefusedError {
  override readonly code = 'OUTBOX_LOCKED'
  /** The holder's process id; null when it could not be read. */
  readonly pid: number | null
  constructor(directory: string, pid: number | null) {
    super(`${directory} is in use by ${pid === null ? 'another process' : `process ${pid}`}: stop that one, or set outbox.dir to another directory`)
    this.name = 'OutboxLockedError'
    this.pid = pid
  }
}

/** The file is there and is not a store of ours. */
export class DamagedStoreError extends Error {
  readonly code = 'OUTBOX_DAMAGED'
}

const damagedCodes = /^(SQLITE_CORRUPT|SQLITE_NOTADB|SQLITE_FORMAT|OUTBOX_DAMAGED)/
const unavailableCodes =
  /^(SQLITE_(FULL|IOERR|READONLY|CANTOPEN|NOMEM|BUSY|LOCKED|PROTOCOL|PERM|AUTH|INTERRUPT)|E(NOSPC|DQUOT|IO|ROFS|MFILE|NFILE|FBIG)$)/

/** Classifies an error by its code (SQLite's result code or errno). */
export function faultOf(error: unknown): Fault {
  const code = codeOf(error)
  if (damagedCodes.test(code)) return 'damaged'
  if (unavailableCodes.test(code)) return 'unavailable'
  return 'operation'
}

/** An error's `code`, or the empty text. */
export function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return ''
  return typeof error.code === 'string' ? error.code : ''
}

/** One line that says what went wrong, with the code when there is one. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  const code = codeOf(error)
  return code === '' || message.includes(code) ? message : `${message} (${code})`
}
