import { OperatorError, PermanentError, RetryAfterError } from '../../contract.ts'
import { StoppedError } from '../bounded.ts'
import { errorCode, errorText } from '../error-code.ts'
import { networkFault } from '../network-error.ts'

/** Faults of the values (SQLSTATE): data exceptions, limits of the server's program. */
const permanent = /^(22...|54...)$/
/**
 * What stays until someone acts: who we are, what we may, which database, tables and columns there are, a column of the site's own that must be
 * filled, a partition that is missing, a server that only reads. Of class 57 a database that was dropped; all else of it, as of 08, 40, 53 and
 * 55, passes.
 */
const operator = /^(0A...|0L...|23502|23514|25006|28...|3D...|3F...|42...|44...|57P04)$/
/** Connections are short: many who ask again at once do not make them more. */
const crowded = /^(53300|57P03)$/
const crowdedMs = 5000

/** Ours, or made by this function already. */
function isSorted(error: unknown): boolean {
  return error instanceof StoppedError || error instanceof OperatorError || error instanceof PermanentError || error instanceof RetryAfterError
}

/**
 * The error to throw for one of PostgreSQL's, its driver's or the network's; what is unknown is retried.
 *
 * @param place user, server and database, for the message
 */
export function pgError(place: string, error: unknown): Error {
  if (error instanceof Error && isSorted(error)) return error
  const code = errorCode(error)
  const message = `${place}: ${errorText(error).slice(0, 300)}${code === '' ? '' : ` (${code})`}`
  if (permanent.test(code)) return new PermanentError(message, { cause: error })
  if (operator.test(code) || networkFault(error) === 'operator') return new OperatorError(message, { cause: error })
  if (crowded.test(code)) return new RetryAfterError(message, crowdedMs, { cause: error })
  return new Error(message, { cause: error })
}

/** Whether the connection can be used after this error: a value was refused, and nothing else is wrong. */
export function survivesPg(error: unknown): boolean {
  return permanent.test(errorCode(error)) || error instanceof PermanentError
}
