/** A returner's handle that is opened when it is needed, and again when that failed: a database that is away keeps no master from its start. */
import { JOB_CACHE, type ReturnerDefinition, type ReturnerHandle } from '../returners/contract.ts'

type Calls = Record<string, (...args: never[]) => Promise<unknown>>

/**
 * The handle that `open` gives, with the functions that the definition declares.
 *
 * @param open rejects with whatever the returner says; every call tries it anew until it has resolved once
 */
export function reopeningReturner(
  { jobCache = [] }: Pick<ReturnerDefinition<unknown>, 'jobCache'>, open: () => Promise<ReturnerHandle>,
): ReturnerHandle & { ready(): Promise<void> } {
  let opening: Promise<ReturnerHandle> | undefined
  const opened = (): Promise<ReturnerHandle> => {
    opening ??= open().catch((error: unknown) => {
      opening = undefined
      throw error
    })
    return opening
  }
  const call = (name: (typeof JOB_CACHE)[number]) => async (...args: never[]): Promise<unknown> => {
    const handle = (await opened()) as unknown as Calls
    return await handle[name]?.(...args)
  }
  return {
    ...Object.fromEntries(JOB_CACHE.filter((name) => jobCache.includes(name)).map((name) => [name, call(name)])),
    returner: async (items, signal) => (await opened()).returner(items, signal),
    ready: async () => void (await opened()),
    // One that never opened has nothing to close.
    close: async () => void (await opening?.catch(() => undefined))?.close(),
  }
}
