import type { Clock } from '../clock.ts'

/** Waits so many milliseconds of the clock; rejects with the signal's reason when it aborts before. */
export function pause(clock: Pick<Clock, 'timer'>, ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      cancel()
      reject(signal.reason as Error)
    }
    const cancel = clock.timer(ms, () => {
      signal.removeEventListener('abort', abort)
      resolve()
    })
    signal.addEventListener('abort', abort, { once: true })
  })
}
