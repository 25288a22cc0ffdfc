import type { Clock } from '../clock.ts'
import type { ClaimedDelivery } from '../outbox/port.ts'
import type { Destination, SendResult } from './port.ts'

export interface SendLimits {
  /** Until the destination is told to stop, milliseconds. */
  deadlineMs: number
  /** Added per MiB that is sent, so that a slow line is not mistaken for a dead one, milliseconds. */
  perMebibyteMs: number
  /** How long it may then take to say how it ended, milliseconds. */
  graceMs: number
}

/** The deadline of a send of this many bytes, milliseconds. */
export function sendDeadline(limits: SendLimits, bytes: number): number {
  return Math.ceil(limits.deadlineMs + (bytes / 2 ** 20) * limits.perMebibyteMs)
}

export interface SendEnd {
  result: SendResult
  /** The destination did not even answer to the abort: whatever it still does is no longer waited for. */
  abandoned: boolean
}

/**
 * One send that certainly ends: answered, or given up after deadline and grace. Never rejects: whatever a destination
 * throws is a reason to try again.
 *
 * @param stop ends the send early, or keeps it from beginning; `reason` of the signal becomes part of the error.
 */
export function boundedSend(
  destination: Destination,
  batch: ClaimedDelivery[],
  limits: SendLimits,
  clock: Clock,
  stop: AbortSignal,
): Promise<SendEnd> {
  if (stop.aborted) return Promise.resolve({ result: { kind: 'retry', error: 'stopped before it was sent', untried: true }, abandoned: true })
  return new Promise((resolve) => {
    const controller = new AbortController()
    const deadlineMs = sendDeadline(limits, batch.reduce((sum, item) => sum + item.body.length, 0))
    let cancel = clock.timer(deadlineMs, expire)
    stop.addEventListener('abort', giveUp, { once: true })

    function finish(end: SendEnd): void {
      cancel()
      stop.removeEventListener('abort', giveUp)
      resolve(end)
    }

    function expire(): void {
      const error = `no answer within ${deadlineMs} ms`
      controller.abort(new Error(error))
      cancel = clock.timer(limits.graceMs, () => finish({ result: { kind: 'retry', error }, abandoned: true }))
    }

    function giveUp(): void {
      controller.abort(stop.reason)
      finish({ result: { kind: 'retry', error: 'stopped before the answer' }, abandoned: true })
    }

    attempt(destination, batch, controller.signal).then((result) => finish({ result, abandoned: false }), (error: unknown) => {
      finish({ result: { kind: 'retry', error: messageOf(error) }, abandoned: false })
    })
  })
}

/** Asynchronous, so that a destination that throws at once is no different from one that rejects. */
async function attempt(destination: Destination, batch: ClaimedDelivery[], signal: AbortSignal): Promise<SendResult> {
  return await destination.send(batch, signal)
}

/** The text of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
