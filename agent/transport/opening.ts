import { type Endpoint, hostPort } from './address.ts'
import { TransportError } from './port.ts'
import { reasonOf } from './reason.ts'
import type { Clock } from '../clock.ts'
import type { EventEmitter } from 'node:events'

/** A socket that is on its way, whatever kind it is. */
export interface Opening<Connecting extends EventEmitter> {
  socket: Connecting
  endpoint: Endpoint
  /** The event that says that it is open. */
  event: string
  /** Milliseconds it may take. */
  timeoutMs: number
  /** Ends it at once. */
  destroy(): void
}

/**
 * Resolves with the socket when it is open. One that fails, ends, takes too long or is given up is destroyed. Its listener for errors
 * stays: none of them is ever uncaught.
 *
 * @throws TransportError that says why and, where TLS is to blame, what to do
 */
export function whenOpen<Connecting extends EventEmitter>(
  { socket, endpoint, event, timeoutMs, destroy }: Opening<Connecting>, clock: Clock, signal: AbortSignal,
): Promise<Connecting> {
  const { promise, resolve, reject } = Promise.withResolvers<Connecting>()
  const fail = (code: 'UNREACHABLE' | 'ABORTED', why: string, cause?: unknown): void => {
    reject(new TransportError(code, `${hostPort(endpoint)} cannot be reached: ${why}`, { cause }))
    destroy()
  }
  const onAbort = (): void => fail('ABORTED', 'given up')
  const cancelTimer = clock.timer(timeoutMs, () => fail('UNREACHABLE', `no answer within ${timeoutMs} ms`))
  const settled = (): void => {
    cancelTimer()
    signal.removeEventListener('abort', onAbort)
  }
  signal.addEventListener('abort', onAbort)
  socket.on('error', (error: unknown) => fail('UNREACHABLE', reasonOf(error), error))
  socket.once('close', () => {
    settled()
    fail('UNREACHABLE', 'the socket has ended')
  })
  socket.once(event, () => {
    settled()
    resolve(socket)
  })
  if (signal.aborted) onAbort()
  return promise
}
