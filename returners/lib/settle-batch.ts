import { PartialError, PermanentError, type ReturnItem } from '../contract.ts'

/**
 * What comes of a batch whose items were sent side by side and acknowledged one by one.
 *
 * @param ends how each item ended, in the order of the items, as far as they were sent; what was thrown is an Error of the contract, or one
 *   that is retried
 * @throws PartialError when some are stored or refused for good; else what the first one threw
 */
export function settleBatch(items: readonly ReturnItem[], ends: readonly PromiseSettledResult<unknown>[]): void {
  const stored: string[] = []
  const rejected: { key: string; error: string }[] = []
  let failure: Error | undefined
  for (const [index, item] of items.entries()) {
    const end = ends[index]
    if (end === undefined) failure ??= new Error('not sent')
    else if (end.status === 'fulfilled') stored.push(item.key)
    else if (end.reason instanceof PermanentError) rejected.push({ key: item.key, error: end.reason.message })
    else failure ??= end.reason instanceof Error ? end.reason : new Error(String(end.reason))
  }
  const [first] = rejected
  if (failure !== undefined) {
    if (stored.length === 0 && first === undefined) throw failure
    throw new PartialError(failure.message, { stored, rejected }, { cause: failure })
  }
  if (first === undefined) return
  if (items.length === 1) throw new PermanentError(first.error)
  throw new PartialError(`${rejected.length} refused: ${first.error}`, { stored, rejected })
}

/** Whether the connection can be used after a batch that ended so: items were refused, and nothing else is wrong. */
export function survivesBatch(error: unknown): boolean {
  return error instanceof PermanentError || (error instanceof PartialError && error.cause === undefined)
}
