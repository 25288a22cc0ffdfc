import { defineReturner, OperatorError, PermanentError, type ReturnerHandle, type ReturnItem } from '../contract.ts'
import { bounded } from '../lib/bounded.ts'
import { loadDriver } from '../lib/driver.ts'
import { createLease } from '../lib/lease.ts'
import { fillName, headerText } from '../lib/message-text.ts'
import { settleBatch, survivesBatch } from '../lib/settle-batch.ts'
import { storeBatch } from '../lib/store-batch.ts'
import { untilAborted } from '../lib/until-aborted.ts'
import { connectRabbit, placeOf, type RabbitConnection } from './connection.ts'
import { rabbitError } from './errors.ts'
import { type Options, options } from './options.ts'

export default defineReturner<Options>({
  name: 'rabbitmq',
  summary: 'Publishes each return to RabbitMQ, and waits until it is confirmed',
  options,
  delivery: 'at-least-once',
  masterMaySet: ['timeout', 'connect_timeout'],
  // The driver's code reads what a stranger sends: it must not be able to take the agent along.
  isolation: 'process',
  maxBatch: 200,
  drivers: ['amqplib'],
  deadlineSeconds: ({ timeout, connect_timeout }) => timeout + connect_timeout + 5,
  open: openExchange,
})

async function openExchange(settings: Options): Promise<ReturnerHandle> {
  await loadDriver('rabbitmq', 'amqplib', () => import('amqplib'))
  const lease = createLease<RabbitConnection>({
    open: (signal) => connectRabbit(settings, signal),
    isGone: (connection) => connection.isGone(),
    survives: (error) => survivesBatch(error),
    cut: (connection) => connection.cut(),
    close: (connection) => connection.close(),
  })
  return {
    // A message that is too large closes the channel under all of its batch: halves find it.
    returner: (items, signal) => storeBatch(items, (some) => lease.use(signal, (connection) => publish(connection, settings, some, signal))),
    close: () => lease.close(),
  }
}

/** Side by side, in order; each is confirmed when it is on the disk of the queues that take it, and comes back before that when none does. */
async function publish(connection: RabbitConnection, settings: Options, items: readonly ReturnItem[], signal: AbortSignal): Promise<void> {
  const { channel, returned } = connection
  const place = placeOf(settings)
  const send = async ({ key, ret, json }: ReturnItem, limited: AbortSignal): Promise<void> => {
    const messageId = headerText(key)
    const routingKey = fillName(settings.routing_key, ret, /[.*#\s\p{Cc}]/gu)
    const headers = { id: headerText(ret.id), jid: headerText(ret.jid) }
    const properties = { messageId, persistent: true, mandatory: true, contentType: 'application/json', appId: 'brine', headers }
    const confirmed = Promise.withResolvers<void>()
    try {
      channel.publish(settings.exchange, routingKey, Buffer.from(json), properties, (error: unknown) => {
        if (error === null || error === undefined) confirmed.resolve()
        else confirmed.reject(error instanceof Error ? error : new Error('not confirmed'))
      })
      await untilAborted(confirmed.promise, limited)
    } catch (error) {
      throw rabbitError(place, connection.fault() ?? error)
    }
    if (returned.delete(messageId)) {
      throw new OperatorError(`${place}: no queue takes the routing key "${routingKey.slice(0, 100)}" of the exchange "${settings.exchange}"`)
    }
  }
  await bounded(settings.timeout, place, signal, async (limited) => {
    const ends = await Promise.allSettled(items.map((item) => send(item, limited)))
    // It closed the channel because of one of them, and does not say which: that is no fault of the others.
    const fault = rabbitError(place, connection.fault())
    if (fault instanceof PermanentError && items.length > 1) throw fault
    settleBatch(items, ends)
  })
}
