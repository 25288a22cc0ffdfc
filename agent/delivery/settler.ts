import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { Outbox, Outcome } from '../outbox/port.ts'
import type { Verdict } from './judgement.ts'
import { retryDelay } from './retry-policy.ts'
import type { RetrySettings } from './retry-policy.ts'

export interface Settler {
  /**
   * Resolves when the verdicts are stored, or when `stop` ended the attempts. What was delivered stays claimed meanwhile, so that a
   * store that cannot be written causes no second send.
   * @throws what the store says when the fault is not its being unavailable.
   */
  settle(verdicts: Verdict[]): Promise<void>
  /** The store may be writable again. */
  wake(): void
  /** Ends the waiting. Unsettled deliveries are sent once more after the next start. */
  stop(): void
}

/** Settles until it is done: the store's outage is nobody's failure. */
export function createSettler(outbox: Outbox, retry: RetrySettings, clock: Clock, logger: Logger): Settler {
  const waiting = new Set<() => void>()
  const state = { stopped: false }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = clock.timer(ms, finish)
      waiting.add(finish)
      function finish(): void {
        cancel()
        waiting.delete(finish)
        resolve()
      }
    })
  }

  function wake(): void {
    for (const finish of waiting) finish()
  }

  return {
    async settle(verdicts) {
      if (verdicts.length === 0) return
      for (let attempt = 1; !state.stopped; attempt += 1) {
        try {
          await outbox.settle(verdicts.map((verdict) => outcomeOf(verdict, clock.now())))
          return
        } catch (error) {
          if (!isStoreUnavailable(error)) throw error
          logger.debug({ err: error, attempt }, 'delivered returns cannot be settled yet')
        }
        if (!state.stopped) await pause(retryDelay(retry, attempt, clock.random()))
      }
    },
    wake,
    stop() {
      state.stopped = true
      wake()
    },
  }
}

function outcomeOf(verdict: Verdict, now: number): Outcome {
  if (verdict.kind !== 'retry') return verdict
  const { dueInMs, ...outcome } = verdict
  return dueInMs === undefined ? outcome : { ...outcome, dueAt: now + dueInMs }
}

/** True for the outbox's own word that nothing was stored; recognised by code. */
export function isStoreUnavailable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'STORE_UNAVAILABLE'
}
