import type { Link } from '../link/port.ts'
import { decode } from '../wire/msgpack.ts'
import { isObject } from '../wire/value.ts'
import { messageOf } from './bounded-send.ts'
import { masterLoad } from './master-load.ts'

export interface DirectSend {
  /** The encoded return. */
  body: Uint8Array
  /** `general` keeps clear of the returns' own socket, where a large return may be under way. */
  socket: 'general' | 'returns'
  timeoutMs: number
  signal: AbortSignal
  /** Set on the load beside the return: why this return is not stored. */
  volatile?: string
}

/** Null when the master took it, else why not. `hopeless`: it never will. */
export type DirectEnd = null | { error: string; hopeless: boolean }

/** One attempt to hand a return that is in no store to a master. Never rejects. */
export async function sendDirectly(link: Link | undefined, send: DirectSend): Promise<DirectEnd> {
  if (link === undefined || link.state !== 'connected') return { error: 'not connected to the master', hopeless: false }
  try {
    const ret = decode(send.body, { maxValues: send.body.length })
    if (!isObject(ret)) return { error: 'the return is not a map', hopeless: true }
    const marked = send.volatile === undefined ? ret : { ...ret, volatile: send.volatile }
    const made = masterLoad(marked, { maxRequestBytes: link.maxRequestBytes, kept: false })
    if ('tooLarge' in made) return { error: made.tooLarge, hopeless: true }
    const options = { timeoutMs: send.timeoutMs, signal: send.signal }
    const answer = send.socket === 'general' ? await link.request(made.load, options) : await link.sendReturn(made.load, options)
    return answer === null ? null : { error: 'the master did not process it', hopeless: false }
  } catch (error) {
    return { error: messageOf(error), hopeless: false }
  }
}
