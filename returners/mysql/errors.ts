import { OperatorError, PermanentError, RetryAfterError } from '../contract.ts'
import { StoppedError } from '../lib/bounded.ts'
import { errorCode, errorText } from '../lib/error-code.ts'
import { networkFault } from '../lib/network-error.ts'

/** Numbers of the server's errors: MySQL's and MariaDB's are the same but for those above 1900. */
const permanent = new Set([
  1264, 1265, 1292, 1366, 1406, // a value that does not fit its column
  3140, 3141, 3144, 3157, 3819, 4025, // JSON that a JSON column does not take; a check of the site's
])
/** The server hangs up after it. */
const packetTooLarge = 1153
const operator = new Set([
  1044, 1045, 1049, 1129, 1130, 1131, 1133, 1142, 1143, 1227, 1251, 1370, 1524, 1698, 1820, 1862, 3118, 3159, // who we are and what we may
  1048, 1054, 1064, 1136, 1146, 1235, 1305, 1347, 1364, 1526, 1665, // tables and columns that are not there, or want to be filled
  1290, 1792, 1836, // a server that only reads
])
/** Many who ask again at once do not make connections more. */
const crowded = new Map([[1040, 5000], [1203, 5000], [1226, 60_000]])

/** The server's number for an error; 0 when it is none of the server's. */
function numberOf(error: unknown): number {
  return typeof error === 'object' && error !== null && 'errno' in error && typeof error.errno === 'number' ? error.errno : 0
}

/**
 * The error to throw for one of the server's, the driver's or the network's; what is unknown is retried.
 *
 * @param place user, server and database, for the message
 */
export function mysqlError(place: string, error: unknown): Error {
  if (error instanceof StoppedError || error instanceof OperatorError || error instanceof PermanentError || error instanceof RetryAfterError) return error
  const [number, code] = [numberOf(error), errorCode(error)]
  const message = `${place}: ${errorText(error).slice(0, 300) || code}${code === '' ? '' : ` (${code})`}`
  if (permanent.has(number) || number === packetTooLarge) return new PermanentError(message, { cause: error })
  if (operator.has(number) || /^(AUTH_SWITCH|HANDSHAKE_)/.test(code) || networkFault(error) === 'operator') return new OperatorError(message, { cause: error })
  const wait = crowded.get(number)
  return wait === undefined ? new Error(message, { cause: error }) : new RetryAfterError(message, wait, { cause: error })
}

/** Whether the connection can be used after this error: a value was refused, and nothing else is wrong. */
export function survivesMysql(error: unknown): boolean {
  return permanent.has(numberOf(error)) || error instanceof PermanentError
}
