import { closeSync, fsyncSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { CliError } from './exit-codes.ts'
import type { AskOutbox } from './outbox-access.ts'

interface ExportPage {
  items: object[]
  next: number | null
}

/**
 * Writes the deliveries that a filter matches to a new file, 0600, one JSON map a line with the return under `return`. An existing
 * file is left alone; a file that could not be finished is removed.
 *
 * @returns how many were written
 */
export async function exportDeliveries(ask: AskOutbox, filter: Record<string, unknown>, path: string): Promise<number> {
  const file = create(path)
  try {
    const count = await writePages(ask, filter, file)
    fsyncSync(file)
    return count
  } catch (error) {
    unlinkSync(path)
    throw error
  } finally {
    closeSync(file)
  }
}

async function writePages(ask: AskOutbox, { limit, ...filter }: Record<string, unknown>, file: number): Promise<number> {
  const wanted = typeof limit === 'number' ? limit : Number.POSITIVE_INFINITY
  let count = 0
  let afterId: number | null = 0
  while (afterId !== null && count < wanted) {
    const page = (await ask('outbox.export', { ...filter, afterId, limit: Math.min(wanted - count, 10_000) })) as ExportPage
    for (const item of page.items) writeSync(file, `${JSON.stringify(item)}\n`)
    count += page.items.length
    afterId = page.next
  }
  return count
}

function create(path: string): number {
  try {
    return openSync(path, 'wx', 0o600)
  } catch (error) {
    throw new CliError(`${path} cannot be made: ${error instanceof Error ? error.message : String(error)}`, undefined, { cause: error })
  }
}
