import { OperatorError, PermanentError, RetryAfterError } from '../contract.ts'
import { StoppedError } from '../lib/bounded.ts'
import { errorText } from '../lib/error-code.ts'
import { networkFault } from '../lib/network-error.ts'

/** First words of the server's errors. */
const operator = new RegExp([
  '^(NOAUTH|WRONGPASS|NOPERM|NOREPLICAS|READONLY|MISCONF|OOM|WRONGTYPE|DENIED|CROSSSLOT)\\b',
  '^ERR (AUTH|DB index|invalid DB index|invalid password|unknown command|Client sent AUTH|SELECT is not allowed)',
].join('|'), 'i')
/** It starts, is busy, or has as many clients as it takes: asking at once does not help. */
const later = /^(LOADING|BUSY|BUSYKEY|MASTERDOWN|TRYAGAIN|CLUSTERDOWN)\b|max number of clients/i
/** A value that is larger than the server takes: it hangs up after it. */
const permanent = /^ERR (Protocol error: invalid (bulk|multibulk) length|string exceeds maximum allowed size)/i
const laterMs = 2000

/**
 * The error to throw for one of the server's, the driver's or the network's; what is unknown is retried.
 *
 * @param place server and database, for the message
 */
export function redisError(place: string, error: unknown): Error {
  if (error instanceof StoppedError || error instanceof OperatorError || error instanceof PermanentError || error instanceof RetryAfterError) return error
  const text = errorText(error)
  const message = `${place}: ${text.slice(0, 300)}`
  if (permanent.test(text)) return new PermanentError(message, { cause: error })
  if (operator.test(text) || networkFault(error) === 'operator') return new OperatorError(message, { cause: error })
  if (later.test(text)) return new RetryAfterError(message, laterMs, { cause: error })
  return new Error(message, { cause: error })
}
