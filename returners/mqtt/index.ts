import { defineReturner, OperatorError, PermanentError, type ReturnerHandle, type ReturnItem } from '../contract.ts'
import { bounded } from '../lib/bounded.ts'
import { createLease } from '../lib/lease.ts'
import { settleBatch, survivesBatch } from '../lib/settle-batch.ts'
import { untilAborted } from '../lib/until-aborted.ts'
import { connectMqtt, loadMqtt, type MqttConnection } from './connection.ts'
import { messageOf } from './message.ts'
import { type Options, options } from './options.ts'

/** Of UTF-8: what MQTT can say of a topic's length. */
const LONGEST_TOPIC = 65_535

export default defineReturner<Options>({
  name: 'mqtt',
  summary: 'Publishes each return to a topic of an MQTT 5 server, with QoS 1',
  options,
  delivery: 'at-least-once',
  masterMaySet: ['timeout', 'connect_timeout'],
  // The driver's code reads what a stranger sends: it must not be able to take the agent along.
  isolation: 'process',
  maxBatch: 200,
  drivers: ['mqtt'],
  deadlineSeconds: ({ timeout, connect_timeout, servers }) => timeout + connect_timeout * servers.length + 5,
  open: openTopic,
})

async function openTopic(settings: Options): Promise<ReturnerHandle> {
  const mqtt = await loadMqtt()
  const lease = createLease<MqttConnection>({
    open: (signal) => connectMqtt(mqtt, settings, signal),
    isGone: (connection) => connection.isGone(),
    survives: survivesBatch,
    cut: (connection) => connection.cut(),
    close: (connection) => connection.close(),
  })
  return {
    returner: (items, signal) => lease.use(signal, (connection) => publish(connection, settings, items, signal)),
    close: () => lease.close(),
  }
}

/** Side by side, in order, no more than the server wants at once; each has its own acknowledgement. */
async function publish(connection: MqttConnection, settings: Options, items: readonly ReturnItem[], signal: AbortSignal): Promise<void> {
  const { place, window } = connection
  await bounded(settings.timeout, place, signal, async (limited) => {
    const ends = await eachOf(items, window, (item) => send(connection, settings, item, limited))
    settleBatch(items, ends)
  })
}

async function send(connection: MqttConnection, settings: Options, item: ReturnItem, limited: AbortSignal): Promise<void> {
  limited.throwIfAborted()
  const { place, largestPacket } = connection
  const message = messageOf(item, settings)
  if (message.bytes > largestPacket) throw new PermanentError(`${place}: the message takes ${message.bytes} bytes, more than the ${largestPacket} that the server takes`)
  if (Buffer.byteLength(message.topic) > LONGEST_TOPIC) throw new PermanentError(`${place}: the topic is longer than ${LONGEST_TOPIC} bytes`)
  if (await untilAborted(connection.publish(message), limited)) return
  throw new OperatorError(`${place}: nobody subscribes to the topic "${message.topic.slice(0, 200)}": the server has thrown the return away`)
}

/** How each ended. They begin in order, and no more than so many are under way. */
async function eachOf<Item>(items: readonly Item[], most: number, work: (item: Item) => Promise<void>): Promise<PromiseSettledResult<void>[]> {
  const ends: PromiseSettledResult<void>[] = []
  const queue = items.entries()
  const worker = async () => {
    for (const [index, item] of queue) [ends[index]] = await Promise.allSettled([work(item)])
  }
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker))
  return ends
}
