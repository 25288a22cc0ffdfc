/** The same job from two masters: syndics below one master, or masters that share a job cache, publish it once each. */
import { createHash } from 'node:crypto'
import { encode } from '../wire/msgpack.ts'
import { keyOfMaster } from '../master-id.ts'
import type { Publication } from './publication.ts'

/** Recognises the job that another master has published already. */
export interface Twins {
  /** True when it came before from a master with another key. Else it is remembered. */
  isTwin(publication: Publication, master: string): boolean
}

/** Jobs remembered; a twin comes within moments (Salt: `minion_jid_queue_hwm`, 100). */
const REMEMBERED = 1000

/**
 * Salt's minion runs a jid once, whichever of its masters sent it (minion.py, `_handle_decoded_payload`). Here the order must be the
 * same as well: independent masters may choose the same jid by chance.
 */
export function createTwins(): Twins {
  const seen = new Map<string, { key: string; order: string }>()
  return {
    isTwin(publication, master) {
      const order = orderOf(publication)
      const key = keyOfMaster(master)
      const before = seen.get(publication.jid)
      if (before !== undefined) return before.key !== key && before.order === order
      seen.set(publication.jid, { key, order })
      const oldest = seen.keys().next()
      if (seen.size > REMEMBERED && oldest.done !== true) seen.delete(oldest.value)
      return false
    },
  }
}

function orderOf({ fun, arg }: Publication): string {
  return createHash('sha256').update(encode([fun, arg])).digest('base64')
}
