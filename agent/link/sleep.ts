import type { Clock } from '../clock.ts'

/** Resolves after `ms`, or at once when the signal is aborted. Never rejects. */
export function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  const { promise, resolve } = Promise.withResolvers<void>()
  const onAbort = (): void => {
    cancel()
    resolve()
  }
  const cancel = clock.timer(ms, () => {
    signal.removeEventListener('abort', onAbort)
    resolve()
  })
  signal.addEventListener('abort', onAbort, { once: true })
  return promise
}
