import { PartialError, PermanentError, type ReturnItem } from '../contract.ts'
import { errorText } from './error-code.ts'

/**
 * Stores a batch all at once; when something in it is refused for good, finds what by halves, and stores the rest.
 *
 * @param store stores all of its items or none
 * @throws PartialError when some are stored or refused; else what `store` threw
 */
export async function storeBatch(items: ReturnItem[], store: (items: ReturnItem[]) => Promise<void>): Promise<void> {
  const stored: string[] = []
  const rejected: { key: string; error: string }[] = []

  async function part(some: ReturnItem[]): Promise<void> {
    try {
      await store(some)
      stored.push(...some.map((item) => item.key))
    } catch (error) {
      const [only] = some
      if (!(error instanceof PermanentError)) throw error
      if (some.length === 1 && only !== undefined) rejected.push({ key: only.key, error: error.message })
      else {
        const half = Math.ceil(some.length / 2)
        await part(some.slice(0, half))
        await part(some.slice(half))
      }
    }
  }

  try {
    await part(items)
  } catch (error) {
    if (stored.length === 0 && rejected.length === 0) throw error
    throw new PartialError(errorText(error), { stored, rejected }, { cause: error })
  }
  const [first] = rejected
  if (first === undefined) return
  if (items.length === 1) throw new PermanentError(first.error)
  throw new PartialError(`${rejected.length} refused: ${first.error}`, { stored, rejected })
}
