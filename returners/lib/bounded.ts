/** The time was up, or the call was stopped: nobody knows what the other side has done. */
export class StoppedError extends Error {
  override name = 'StoppedError'
}

/**
 * Runs `work` with a signal that also ends after so many seconds.
 *
 * @param place whom it is about, for the message
 * @throws StoppedError that says whether the time was up or the call was stopped; else what `work` threw
 */
export async function bounded<T>(seconds: number, place: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const limit = AbortSignal.timeout(seconds * 1000)
  try {
    return await work(AbortSignal.any([signal, limit]))
  } catch (error) {
    if (signal.aborted) throw new StoppedError(`${place}: stopped before the answer`, { cause: error })
    if (limit.aborted) throw new StoppedError(`${place}: no answer within ${seconds} s`, { cause: error })
    throw error
  }
}
