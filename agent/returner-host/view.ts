import type { ReturnItem } from '../../returners/contract.ts'
import { OperatorError, PermanentError } from '../../returners/contract.ts'
import { recordOf, recordOfValue } from '../wire/json.ts'
import { decode } from '../wire/msgpack.ts'
import { cutTo } from './cut.ts'
import type { View, WireItem } from './protocol.ts'
import { createRedact, type Redact } from './redact.ts'

/** Version of the rules below, kept with each delivery; where a site's own rules apply, a number made of both. */
export const viewVersion = 2

/**
 * Prepares a view: what makes the items that a returner gets of stored returns.
 *
 * @throws OperatorError when the redaction cannot be done: then nothing may be sent. What is returned throws PermanentError when stored
 * bytes are not a return: no later attempt can read them either.
 */
export function createView(view: View): (item: WireItem) => ReturnItem {
  const redact = redactOf(view)
  return ({ key, body }) => {
    try {
      const { record, json } = redact === undefined ? recordOf(body) : recordOfValue(redact(decode(body)))
      if (Buffer.byteLength(json) <= view.maxJsonBytes) return { key, ret: record, json }
      const whole = decode(body)
      const cut = recordOfValue(cutTo(redact?.(whole) ?? whole, Buffer.byteLength(json), view.maxJsonBytes))
      return { key, ret: cut.record, json: cut.json }
    } catch (error) {
      throw new PermanentError(`the stored return cannot be read: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
  }
}

function redactOf({ redaction }: View): Redact | undefined {
  try {
    return redaction === undefined ? undefined : createRedact(redaction)
  } catch (error) {
    throw new OperatorError(`the redaction rules cannot be used: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}
