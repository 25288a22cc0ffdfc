import { OperatorError, PermanentError, RetryAfterError } from '../contract.ts'
import { StoppedError } from '../lib/bounded.ts'
import { errorCode, errorText } from '../lib/error-code.ts'
import { networkFault } from '../lib/network-error.ts'

/** A server that says "not now" does not say until when. */
const LATER_MS = 60_000
/** Bad sequence of commands: about the session, not about us or the mail. */
const OUT_OF_STEP = 503
/** At a recipient: a full mailbox, which RFC 5321 (4.5.3.1.10) wants to be taken for "not now"; elsewhere a mail that is too large. */
const TOO_MUCH = 552

/**
 * The error to throw for one of the server's, its driver's or the network's; what is unknown is retried.
 *
 * @param place the server, for the message
 */
export function mailError(place: string, error: unknown): Error {
  if (error instanceof StoppedError || error instanceof OperatorError || error instanceof PermanentError || error instanceof RetryAfterError) return error
  const cause = { cause: error }
  const message = `${place}: ${errorText(error).replaceAll(/\p{Cc}+/gu, ' ').slice(0, 300)}`
  const { reply, step, original } = detailsOf(error)
  if (reply !== undefined && reply >= 400) {
    if (reply < 500 || (reply === TOO_MUCH && step === 'RCPT TO')) return new RetryAfterError(message, LATER_MS, cause)
    if (reply === OUT_OF_STEP) return new Error(message, cause)
    // What comes after the text of the mail is about that, and so is its size; all else is about us, or whom we write to.
    return errorCode(error) === 'EMESSAGE' || reply === TOO_MUCH ? new PermanentError(message, cause) : new OperatorError(message, cause)
  }
  // The driver's own word, that the server takes none of this size; after the text of the mail it is an answer that is none.
  if (errorCode(error) === 'EMESSAGE' && step === 'MAIL FROM') return new PermanentError(message, cause)
  const isOurs = ['EAUTH', 'EENVELOPE'].includes(errorCode(error)) || [error, { code: original }].some((one) => networkFault(one) === 'operator')
  return isOurs ? new OperatorError(message, cause) : new Error(message, cause)
}

/** What the driver adds to its errors. */
function detailsOf(error: unknown): { reply?: number; step?: unknown; original?: unknown } {
  if (!(error instanceof Error)) return {}
  const { responseCode, command, originalCode } = error as { responseCode?: unknown; command?: unknown; originalCode?: unknown }
  return { ...(typeof responseCode === 'number' && { reply: responseCode }), step: command, original: originalCode }
}
