import { OperatorError, PermanentError } from '../contract.ts'
import { StoppedError } from '../lib/bounded.ts'
import { errorCode, errorText } from '../lib/error-code.ts'
import { networkFault } from '../lib/network-error.ts'

/**
 * Kafka's names for what stays until someone acts: rights, login, a topic that is not there and is not made, a broker that is too old, a clock
 * that is wrong: a record has the time at which it was sent.
 */
const OPERATOR_NAMES: ReadonlySet<unknown> = new Set([
  'TOPIC_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED', 'SASL_AUTHENTICATION_FAILED', 'UNSUPPORTED_SASL_MECHANISM', 'ILLEGAL_SASL_STATE',
  'UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TOPIC_EXCEPTION', 'UNSUPPORTED_VERSION', 'UNSUPPORTED_FOR_MESSAGE_FORMAT', 'POLICY_VIOLATION', 'SECURITY_DISABLED',
  'INVALID_TIMESTAMP',
])
/** Kafka's names for what a record, or all the records that went together, can never do: they are too large, or refused by a rule of the topic. */
const PERMANENT_NAMES: ReadonlySet<unknown> = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD'])
/** Codes of the driver: the login failed, the broker lacks what we need. */
const OPERATOR_CODES: ReadonlySet<string> = new Set(['PLT_KFK_AUTHENTICATION', 'PLT_KFK_UNSUPPORTED_API'])
/** How the driver says that the topic is not there. */
const UNKNOWN_TOPIC = /^Unknown topic /
/** The driver's errors hold others, some levels deep. */
const DEEPEST = 8

/**
 * The error to throw for one of the brokers', their driver's or the network's; what is unknown is retried.
 *
 * @param place brokers and topic, for the message
 */
export function kafkaError(place: string, error: unknown): Error {
  if (error instanceof StoppedError || error instanceof OperatorError || error instanceof PermanentError) return error
  const all = [...withCauses(error)]
  const names = all.map((one) => (typeof one === 'object' && one !== null && 'apiId' in one ? one.apiId : undefined))
  // What says most is what lies deepest.
  const named = names.findLast((name) => typeof name === 'string')
  const message = `${place}: ${errorText(all.at(-1)).slice(0, 300)}${typeof named === 'string' ? ` (${named})` : ''}`
  const cause = { cause: error }
  if (names.some((name) => OPERATOR_NAMES.has(name)) || all.some((one) => isOperator(one))) return new OperatorError(message, cause)
  // Only when nothing else went wrong: what can be repeated is.
  const told = names.filter((name) => name !== undefined)
  if (told.length > 0 && told.every((name) => PERMANENT_NAMES.has(name))) return new PermanentError(message, cause)
  return new Error(message, cause)
}

function isOperator(error: unknown): boolean {
  return OPERATOR_CODES.has(errorCode(error)) || UNKNOWN_TOPIC.test(errorText(error)) || networkFault(error) === 'operator'
}

/** An error and all that it holds, the innermost last. */
function* withCauses(error: unknown, depth = 0): Generator {
  yield error
  if (depth === DEEPEST || !(error instanceof Error)) return
  const inner = [...(error instanceof AggregateError ? error.errors : []), error.cause].filter((one) => one !== undefined)
  for (const one of inner) yield* withCauses(one, depth + 1)
}
