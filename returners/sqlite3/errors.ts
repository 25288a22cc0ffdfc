import { OperatorError, PermanentError } from '../contract.ts'
import { errorCode, errorText } from '../lib/error-code.ts'

/** Faults of the file, its permissions or its tables: they stay until someone acts. Matched by their primary code. */
const operator = /^SQLITE_(CANTOPEN|READONLY|PERM|AUTH|NOTADB|CORRUPT|ERROR|SCHEMA|NOLFS)(_|$)/
/** Faults of the values. */
const permanent = /^SQLITE_(TOOBIG|CONSTRAINT|MISMATCH|RANGE)(_|$)/

/**
 * The error to throw for one of the database's: busy, locked, full and I/O errors are retried, and so is anything unknown.
 */
export function databaseError(path: string, error: unknown): Error {
  const code = errorCode(error)
  const message = `${path}: ${errorText(error)}${code === '' ? '' : ` (${code})`}`
  if (permanent.test(code)) return new PermanentError(message, { cause: error })
  // A wrong path is a TypeError of the driver's, without a code.
  if (operator.test(code) || error instanceof TypeError) return new OperatorError(message, { cause: error })
  return new Error(message, { cause: error })
}
