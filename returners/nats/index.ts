import type { NatsConnection } from '@nats-io/transport-node'
import { defineReturner, type ReturnerHandle, type ReturnItem } from '../contract.ts'
import { bounded } from '../lib/bounded.ts'
import { createLease } from '../lib/lease.ts'
import { fillName, headerText } from '../lib/message-text.ts'
import { settleBatch, survivesBatch } from '../lib/settle-batch.ts'
import { checkStream } from './check.ts'
import { connectNats, loadNats, type NatsDriver, placeOf } from './connection.ts'
import { natsError } from './errors.ts'
import { type Options, options } from './options.ts'

export default defineReturner<Options>({
  name: 'nats',
  summary: 'Publishes each return to a stream of NATS JetStream',
  options,
  delivery: 'dedupe-key',
  masterMaySet: ['timeout', 'connect_timeout'],
  // The driver's code reads what a stranger sends: it must not be able to take the agent along.
  isolation: 'process',
  maxBatch: 200,
  drivers: ['@nats-io/jetstream', '@nats-io/transport-node'],
  deadlineSeconds: ({ timeout, connect_timeout }) => timeout + connect_timeout + 5,
  check: checkStream,
  open: openStream,
})

async function openStream(settings: Options): Promise<ReturnerHandle> {
  const driver = await loadNats()
  const lease = createLease<NatsConnection>({
    open: (signal) => connectNats(driver, settings, signal),
    isGone: (connection) => connection.isClosed(),
    survives: survivesBatch,
    cut: (connection) => void connection.close().catch(() => {}),
    close: (connection) => connection.close(),
  })
  return {
    returner: (items, signal) => lease.use(signal, (connection) => publish(driver, connection, settings, items, signal)),
    close: () => lease.close(),
  }
}

/** Side by side, in order; each has its own acknowledgement, which says that the stream has stored it. */
async function publish(driver: NatsDriver, connection: NatsConnection, settings: Options, items: readonly ReturnItem[], signal: AbortSignal): Promise<void> {
  const stream = driver.jetstream(connection)
  const place = placeOf(settings)
  const send = async ({ key, ret, json }: ReturnItem): Promise<void> => {
    try {
      // Fields of a return are others' text: a dot would begin another word, `*` and `>` are wildcards.
      await stream.publish(fillName(settings.subject, ret, /[.*>\s\p{Cc}]/gu), json, {
        msgID: headerText(key), expect: { streamName: settings.stream }, timeout: settings.timeout * 1000,
      })
    } catch (error) {
      throw natsError(place, error)
    }
  }
  await bounded(settings.timeout, place, signal, async () => settleBatch(items, await Promise.allSettled(items.map(send))))
}
