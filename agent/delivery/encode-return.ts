import { encode } from '../wire/msgpack.ts'
import type { JobReturn } from '../wire/job-return.ts'
import type { DestinationRef, JobKey, NewReturn } from '../outbox/port.ts'
import { messageOf } from './bounded-send.ts'
import { priorityOf } from './priority.ts'
import type { Routing } from './port.ts'

/**
 * The row that a finished job's return becomes. Encoding is the moment from which nothing can change it.
 *
 * A value that has no msgpack form does not cost the return: an error return with the same jid, id and fun takes its place.
 */
export function toNewReturn(ret: JobReturn, routing: Routing, job?: JobKey): NewReturn {
  const named = Object.keys(routing.errors).length === 0 ? ret : { ...ret, returner_errors: { ...ret.returner_errors, ...routing.errors } }
  const { stored, body } = encodeOrExplain(named)
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

/** Encodes a return; first without its `return`, then without everything else that may be at fault. */
function encodeOrExplain(ret: JobReturn): { stored: JobReturn; body: Uint8Array } {
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
function isSuccess(success: JobReturn['success']): boolean {
  if (typeof success === 'boolean') return success
  return Object.values(success).every((one) => one === true)
}
