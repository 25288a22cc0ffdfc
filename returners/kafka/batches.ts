import { PartialError, PermanentError, type ReturnItem } from '../contract.ts'
import { storeBatch } from '../lib/store-batch.ts'

/** Returns that go to one partition as one batch of records: brokers take 1 MiB at once, where nobody has configured more or less. */
export interface Batch {
  partition: number
  items: ReturnItem[]
}

const BATCH_BYTES = 512 * 1024

/** The returns by partition, each in batches of no more than half a megabyte, or of one return. */
export function batchesOf(items: readonly ReturnItem[], partitionOf: (key: string) => number): Batch[] {
  const batches: Batch[] = []
  const open = new Map<number, { batch: Batch; bytes: number }>()
  for (const item of items) {
    const partition = partitionOf(item.key)
    const bytes = Buffer.byteLength(item.json)
    const last = open.get(partition)
    if (last !== undefined && last.bytes + bytes <= BATCH_BYTES) {
      last.batch.items.push(item)
      last.bytes += bytes
    } else {
      const batch = { partition, items: [item] }
      batches.push(batch)
      open.set(partition, { batch, bytes })
    }
  }
  return batches
}

/**
 * Sends one batch, and finds by halves what of it is refused for good.
 *
 * @returns how each item ended
 */
export async function endsOf(items: ReturnItem[], send: (items: ReturnItem[]) => Promise<void>): Promise<Map<ReturnItem, PromiseSettledResult<void>>> {
  const [end] = await Promise.allSettled([storeBatch(items, send)])
  return new Map(items.map((item) => [item, endOf(item, end)]))
}

function endOf({ key }: ReturnItem, end: PromiseSettledResult<void>): PromiseSettledResult<void> {
  if (end.status === 'fulfilled' || !(end.reason instanceof PartialError)) return end
  const { stored, rejected, cause } = end.reason
  if (stored.includes(key)) return { status: 'fulfilled', value: undefined }
  const refusal = rejected.find((one) => one.key === key)
  return { status: 'rejected', reason: refusal === undefined ? cause : new PermanentError(refusal.error) }
}
