import { OperatorError, PermanentError } from '../contract.ts'
import { StoppedError } from '../lib/bounded.ts'
import { errorText } from '../lib/error-code.ts'
import { networkFault } from '../lib/network-error.ts'

/**
 * What JetStream says that stays until someone acts (its `err_code`): limits of the account, JetStream switched off, no such stream or another
 * one than expected, a stream that is full and refuses, a sealed one.
 */
const OPERATOR_CODES: ReadonlySet<unknown> = new Set([10_002, 10_035, 10_039, 10_059, 10_060, 10_076, 10_077, 10_109])
/** The message is larger than the stream takes. */
const TOO_LARGE = 10_054
/** Names of the driver's errors: who we are, what we may, that nobody listens to the subject. */
const OPERATOR_NAMES: ReadonlySet<string> = new Set([
  'AuthorizationError', 'UserAuthenticationExpiredError', 'PermissionViolationError', 'JetStreamNotEnabled', 'NoResponders', 'StreamNotFoundError',
])

/** Ours, or made by this function already. */
function isSorted(error: unknown): error is Error {
  return error instanceof StoppedError || error instanceof OperatorError || error instanceof PermanentError
}

/**
 * The error to throw for one of the server's, its driver's or the network's; what is unknown is retried.
 *
 * @param place where, for the message
 */
export function natsError(place: string, error: unknown): Error {
  if (isSorted(error)) return error
  // The driver rejects with nothing when the server hangs up before a word was said.
  if (!(error instanceof Error)) return new Error(`${place}: the server hung up`)
  const text = errorText(error)
  const code: unknown = 'code' in error ? error.code : undefined
  const message = `${place}: ${text.slice(0, 300)}${typeof code === 'number' ? ` (${code})` : ''}`
  const cause = { cause: error }
  if (error.name === 'JetStreamNotEnabled') {
    return new OperatorError(`${place}: no stream listens to the subject, or JetStream is off; "brine returner check nats --create" makes the stream`, cause)
  }
  if (code === TOO_LARGE || text.includes('max_payload size exceeded')) return new PermanentError(message, cause)
  if (OPERATOR_CODES.has(code) || isOperator(error) || networkFault(error) === 'operator') return new OperatorError(message, cause)
  return new Error(message, cause)
}

/** A right that is missing comes wrapped into the failure of the request. */
function isOperator(error: Error): boolean {
  if (OPERATOR_NAMES.has(error.name) || error.message.includes("does not support 'tls'")) return true
  return error.cause instanceof Error && isOperator(error.cause)
}
