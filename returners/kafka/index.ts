import { defineReturner, type ReturnerHandle, type ReturnItem } from '../contract.ts'
import { bounded } from '../lib/bounded.ts'
import { createLease } from '../lib/lease.ts'
import { settleBatch, survivesBatch } from '../lib/settle-batch.ts'
import { untilAborted } from '../lib/until-aborted.ts'
import { batchesOf, endsOf } from './batches.ts'
import { connectKafka, type KafkaConnection, loadKafka, placeOf } from './connection.ts'
import { type Options, options } from './options.ts'

export default defineReturner<Options>({
  name: 'kafka',
  summary: 'Produces each return to a topic of Kafka, acknowledged by all replicas',
  options,
  delivery: 'at-least-once',
  masterMaySet: ['timeout', 'connect_timeout'],
  // The driver's code reads what a stranger sends: it must not be able to take the agent along.
  isolation: 'process',
  maxBatch: 200,
  drivers: ['@platformatic/kafka'],
  deadlineSeconds: ({ timeout, connect_timeout }) => timeout + connect_timeout + 5,
  open: openTopic,
})

async function openTopic(settings: Options): Promise<ReturnerHandle> {
  const driver = await loadKafka()
  const lease = createLease<KafkaConnection>({
    open: (signal) => connectKafka(driver, settings, signal),
    isGone: (connection) => connection.isGone(),
    survives: survivesBatch,
    cut: (connection) => connection.cut(),
    close: (connection) => connection.close(),
  })
  return {
    returner: (items, signal) => lease.use(signal, (connection) => produce(connection, settings, items, signal)),
    close: () => lease.close(),
  }
}

/** Partition by partition, side by side: what one of them cannot take is no fault of the others, which are not sent again. */
async function produce(connection: KafkaConnection, settings: Options, items: readonly ReturnItem[], signal: AbortSignal): Promise<void> {
  await bounded(settings.timeout, placeOf(settings), signal, async (limited) => {
    const ends = await Promise.all(batchesOf(items, (key) => connection.partitionOf(key)).map(async (batch) => {
      return endsOf(batch.items, (some) => untilAborted(connection.send({ ...batch, items: some }), limited))
    }))
    const all = new Map(ends.flatMap((some) => [...some]))
    settleBatch(items, items.map((item) => all.get(item) ?? { status: 'rejected', reason: new Error('not sent') }))
  })
}
