import { TransportError } from './port.ts'
import type { Clock } from '../clock.ts'

/** Requests that wait for their replies, in order. */
export interface ReplyQueue {
  /** Waits for the next reply that nobody before waits for. `onTimeout` ends the socket. */
  expect(timeoutMs: number, signal: AbortSignal | undefined, onTimeout: () => void): Promise<Uint8Array>
  /** Gives a reply to the oldest waiting request; false when none waits. */
  settle(reply: Uint8Array): boolean
  /** Rejects all that wait. */
  fail(error: TransportError): void
}

interface Waiting {
  resolve: (reply: Uint8Array) => void
  reject: (error: TransportError) => void
  release: () => void
}

/** First in, first out: the only correlation that a transport without message ids has. */
export function createReplyQueue(clock: Clock): ReplyQueue {
  const waiting: Waiting[] = []
  const fail = (error: TransportError): void => {
    for (const one of waiting.splice(0)) {
      one.release()
      one.reject(error)
    }
  }

  return {
    expect(timeoutMs, signal, onTimeout) {
      const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
      // An aborted request keeps its place: its reply will still come and must not be taken for the next one's.
      const onAbort = (): void => reject(new TransportError('ABORTED', 'the request was given up'))
      const cancelTimer = clock.timer(timeoutMs, () => {
        reject(new TransportError('TIMEOUT', `no reply within ${timeoutMs} ms`))
        fail(new TransportError('CLOSED', 'the socket was reset because an earlier request got no reply'))
        onTimeout()
      })
      const release = (): void => {
        cancelTimer()
        signal?.removeEventListener('abort', onAbort)
      }
      signal?.addEventListener('abort', onAbort)
      waiting.push({ resolve, reject, release })
      return promise
    },
    settle(reply) {
      const next = waiting.shift()
      next?.release()
      next?.resolve(reply)
      return next !== undefined
    },
    fail,
  }
}
