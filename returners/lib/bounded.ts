import { PartialError } from '../contract.ts'
import { timeLimit } from './time-limit.ts'

/** The time was up, or the call was stopped: nobody knows what the other side has done. */
export class StoppedError extends Error {
  override name = 'StoppedError'
}

/**
 * Runs `work` with a signal that also ends after so many seconds.
 *
 * @param place whom it is about, for the message
 * @throws StoppedError that says whether the time was up or the call was stopped, or PartialError when `work` knows what is stored; else what
 *   `work` threw
 */
export async function bounded<T>(seconds: number, place: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const limit = timeLimit(seconds)
  try {
    return await work(AbortSignal.any([signal, limit]))
  } catch (error) {
    const end = signal.aborted ? 'stopped before the answer' : limit.aborted ? `no answer within ${seconds} s` : undefined
    if (end === undefined) throw error
    const message = `${place}: ${end}`
    throw error instanceof PartialError ? new PartialError(message, error, { cause: error }) : new StoppedError(message, { cause: error })
  }
}
