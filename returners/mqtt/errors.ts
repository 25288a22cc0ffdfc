import { OperatorError, PermanentError } from '../contract.ts'
import { StoppedError } from '../lib/bounded.ts'
import { errorText } from '../lib/error-code.ts'
import { networkFault } from '../lib/network-error.ts'

/** What a server of MQTT 3.1.1 answers to us: it does not know the version. */
const OLD_SERVER = 1
/**
 * Reason codes that stay until someone acts: protocol version, client id, user or password, rights, banned, authentication method, topic name,
 * QoS 1, server moved.
 */
const OPERATOR_CODES: ReadonlySet<unknown> = new Set([132, 133, 134, 135, 138, 140, 144, 155, 157])
/** Reason codes about this one message: too large, payload refused. */
const PERMANENT_CODES: ReadonlySet<unknown> = new Set([149, 153])
/** What the driver says of an acknowledgement with a reason code that stands for something else. It hangs up then. */
const INVALID_ANSWER = /^Invalid puback reason code/

/**
 * The error to throw for one of the server's, its driver's or the network's; what is unknown is retried.
 *
 * @param place the server, for the message
 */
export function mqttError(place: string, error: unknown): Error {
  if (error instanceof StoppedError || error instanceof OperatorError || error instanceof PermanentError) return error
  // One that has been here already.
  if (error instanceof Error && error.message.startsWith(`${place}: `)) return error
  const code: unknown = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  const cause = { cause: error }
  if (INVALID_ANSWER.test(errorText(error))) {
    const why = "the server answered with a reason code that MQTT does not know there, as Mosquitto's message_size_limit does: set max_packet_size instead"
    return new OperatorError(`${place}: ${why}`, cause)
  }
  if (code === OLD_SERVER) return new OperatorError(`${place}: the server does not speak MQTT 5`, cause)
  const message = `${place}: ${errorText(error).slice(0, 300)}${typeof code === 'number' ? ` (${code})` : ''}`
  if (PERMANENT_CODES.has(code)) return new PermanentError(message, cause)
  if (OPERATOR_CODES.has(code) || networkFault(error) === 'operator') return new OperatorError(message, cause)
  return new Error(message, cause)
}
