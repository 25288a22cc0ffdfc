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

/** Longest that saying goodbye may take, milliseconds. */
const goodbyeMs = 2000

/** Closes a connection in order, or cuts it when the other side has fallen silent. Never rejects: it is not needed any more. */
export async function closeOrCut(close: () => Promise<unknown>, cut: () => void): Promise<void> {
  try {
    await untilAborted(close(), AbortSignal.timeout(goodbyeMs), cut)
  } catch {
    cut()
  }
}
