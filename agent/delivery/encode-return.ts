import { encode } from '../wire/msgpack.ts'
import type { JobReturn } from '../wire/job-return.ts'
import type { DestinationRef, JobKey, NewReturn } from '../outbox/port.ts'
import { messageOf } from './bounded-send.ts'
import { priorityOf } from './priority.ts'
import type { Routing } from './port.ts'

/**
 * The row that a finished job's return becomes. Encoding is the moment from which nothing can change it.
 *
 * A value that has no msgpack form, or a size that the store can never hold, does not cost the return: one with the same jid, id and
 * fun that says so takes its place.
 */
export function toNewReturn(ret: JobReturn, routing: Routing, fits: (bytes: number) => boolean, job?: JobKey): NewReturn {
  const named = Object.keys(routing.errors).length === 0 ? ret : { ...ret, returner_errors: { ...ret.returner_errors, ...routing.errors } }
  const { stored, body } = fitOrExplain(encodeOrExplain(named), fits)
  return {
    jid: stored.jid,
    minionId: stored.id,
    fun: nameOf(stored.fun),
    success: isSuccess(stored.success),
    priority: priorityOf(stored.fun),
    body,
    destinations: [...routing.destinations] satisfies DestinationRef[],
    ...(job === undefined ? {} : { job: { master: job.master, jid: job.jid } }),
  }
}

interface Encoded {
  stored: JobReturn
  body: Uint8Array
}

/** A return that the store can never hold still gives a return: the same outcome, and a text that says what became of the rest. */
function fitOrExplain(encoded: Encoded, fits: (bytes: number) => boolean): Encoded {
  const { stored, body } = encoded
  if (fits(body.byteLength)) return encoded
  const { success, retcode, jid, id, fun } = stored
  const text =
    `This return was ${body.byteLength} bytes long, more than the minion's store may hold for one destination ` +
    '(outbox.max_bytes, outbox.destination_share). It was not kept.'
  const bare: JobReturn = { success, return: text, retcode, out: 'nested', jid, id, fun, fun_args: [] }
  return { stored: bare, body: encode(bare, { bin: true }) }
}

/** Encodes a return; first without its `return`, then without everything else that may be at fault. */
function encodeOrExplain(ret: JobReturn): Encoded {
  try {
    return { stored: ret, body: encode(ret, { bin: true }) }
  } catch (error) {
    const failed: JobReturn = {
      ...ret,
      success: false,
      return: `The return of ${nameOf(ret.fun)} cannot be sent: ${messageOf(error)}`,
      retcode: 1,
      out: 'nested',
    }
    try {
      return { stored: failed, body: encode(failed, { bin: true }) }
    } catch {
      const { success, return: text, retcode, out, jid, id, fun } = failed
      const bare: JobReturn = { success, return: text, retcode, out: out ?? 'nested', jid, id, fun, fun_args: [] }
      return { stored: bare, body: encode(bare, { bin: true }) }
    }
  }
}

function nameOf(fun: string | string[]): string {
  return typeof fun === 'string' ? fun : fun.join(',')
}

/** A multi-function job succeeded when all of its functions did. */
export function isSuccess(success: JobReturn['success']): boolean {
  if (typeof success === 'boolean') return success
  return Object.values(success).every((one) => one === true)
}
