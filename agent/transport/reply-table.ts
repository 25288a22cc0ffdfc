import { TransportError } from './port.ts'
import type { Clock } from '../clock.ts'

/** Requests that wait for their replies, each known by the id of its message. */
export interface ReplyTable {
  /** Waits for the reply with this id. `onTimeout` is called when it did not come in time, with the monotonic time the wait began at. */
  expect(mid: string, timeoutMs: number, signal: AbortSignal | undefined, onTimeout: (since: number) => void): Promise<Uint8Array>
  /** Gives a reply to whom it belongs; false when nobody waits for it, any more or at all. */
  settle(mid: string | undefined, reply: Uint8Array): boolean
  /** Rejects all that wait. */
  fail(error: TransportError): void
}

interface Waiting {
  resolve: (reply: Uint8Array) => void
  reject: (error: TransportError) => void
}

/** By id, in any order: who gives up or gets no reply leaves the others alone. */
export function createReplyTable(clock: Clock): ReplyTable {
  const waiting = new Map<string, Waiting>()

  return {
    expect(mid, timeoutMs, signal, onTimeout) {
      const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
      const since = clock.monotonic()
      const leave = (): void => {
        waiting.delete(mid)
        cancelTimer()
        signal?.removeEventListener('abort', onAbort)
      }
      const onAbort = (): void => own.reject(new TransportError('ABORTED', 'the request was given up'))
      const own: Waiting = {
        resolve(reply) {
          leave()
          resolve(reply)
        },
        reject(error) {
          leave()
          reject(error)
        },
      }
      const cancelTimer = clock.timer(timeoutMs, () => {
        own.reject(new TransportError('TIMEOUT', `no reply within ${timeoutMs} ms`))
        onTimeout(since)
      })
      signal?.addEventListener('abort', onAbort)
      waiting.set(mid, own)
      return promise
    },
    settle(mid, reply) {
      const found = mid === undefined ? undefined : waiting.get(mid)
      found?.resolve(reply)
      return found !== undefined
    },
    fail(error) {
      for (const one of waiting.values()) one.reject(error)
    },
  }
}
