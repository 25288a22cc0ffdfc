/** What `work` gives, or the signal's reason as soon as it is aborted; `end` then ends what is under way. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal, end: () => void = () => {}): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => {
    end()
    aborted.reject(signal.reason instanceof Error ? signal.reason : new Error('stopped'))
  }
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
