import { OperatorError, PermanentError } from '../contract.ts'
import { StoppedError } from '../lib/bounded.ts'
import { errorText } from '../lib/error-code.ts'
import { networkFault } from '../lib/network-error.ts'

/** Replies of AMQP that stay until someone acts: no right, no such exchange. */
const OPERATOR = /\b(403 \(ACCESS[-_]REFUSED\)|404 \(NOT[-_]FOUND\))/
/** The message is larger than the server takes. */
const TOO_LARGE = /\b406 \(PRECONDITION[-_]FAILED\).*larger than/i

/**
 * The error to throw for one of the server's, its driver's or the network's; what is unknown is retried.
 *
 * @param place server and virtual host, for the message
 */
export function rabbitError(place: string, error: unknown): Error {
  if (error instanceof StoppedError || error instanceof OperatorError || error instanceof PermanentError) return error
  const text = errorText(error)
  const message = `${place}: ${text.slice(0, 300)}`
  const cause = { cause: error }
  if (text.includes('Expected ConnectionOpenOk')) {
    // The driver keeps the server's reason to itself.
    return new OperatorError(`${place}: the server does not let the user into the virtual host, or there is none of this name`, cause)
  }
  if (TOO_LARGE.test(text)) return new PermanentError(message, cause)
  if (OPERATOR.test(text) || networkFault(error) === 'operator') return new OperatorError(message, cause)
  return new Error(message, cause)
}
