import { OperatorError, PermanentError } from '../contract.ts'
import { StoppedError } from '../lib/bounded.ts'
import { errorCode, errorText } from '../lib/error-code.ts'
import { networkFault } from '../lib/network-error.ts'

/**
 * The error to throw for one of the network's; what is unknown is retried.
 *
 * @param place receiver, for the message
 */
export function syslogError(place: string, error: unknown): Error {
  if (error instanceof StoppedError || error instanceof OperatorError || error instanceof PermanentError) return error
  const message = `${place}: ${errorText(error) || errorCode(error)}`
  return networkFault(error) === 'operator' ? new OperatorError(message, { cause: error }) : new Error(message, { cause: error })
}

/** A message that cannot go, and what helps. */
export function tooLarge(place: string, bytes: number, limit: string): PermanentError {
  return new PermanentError(`${place}: the message has ${bytes} bytes, more than ${limit}; cut returns with "max_size" or raise the limit`)
}
