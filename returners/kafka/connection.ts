import type { Broker, Connection, Producer } from '@platformatic/kafka'
import { OperatorError } from '../contract.ts'
import { bounded } from '../lib/bounded.ts'
import { loadDriver } from '../lib/driver.ts'
import { headerText } from '../lib/message-text.ts'
import { readTlsFiles } from '../lib/tls-files.ts'
import { untilAborted } from '../lib/until-aborted.ts'
import type { Batch } from './batches.ts'
import { kafkaError } from './errors.ts'
import type { Options } from './options.ts'

const STANDARD_PORT = 9092
/** All replicas that are in step have it. */
const ACKS_OF_ALL = -1
/** Longest that hanging up may take, seconds. */
const GOODBYE_SECONDS = 2

/** A producer for the topic. */
export interface KafkaConnection {
  /** The partition that Kafka's own clients choose for this key. */
  partitionOf(key: string): number
  /** Resolves when all replicas that are in step have all of the batch. */
  send(batch: Batch): Promise<void>
  isGone(): boolean
  cut(): void
  close(): Promise<void>
}

/** The driver. */
export async function loadKafka() {
  return loadDriver('kafka', '@platformatic/kafka', () => import('@platformatic/kafka'))
}

type Driver = Awaited<ReturnType<typeof loadKafka>>

/** Brokers and topic, for messages. */
export function placeOf({ bootstrap, topic }: Options): string {
  return `${bootstrap.join(', ')}, topic ${topic}`
}

/**
 * Finds the cluster, and the topic in it.
 *
 * @throws OperatorError or Error (to be retried), never with a password in it
 */
export async function connectKafka(driver: Driver, settings: Options, signal: AbortSignal): Promise<KafkaConnection> {
  const place = placeOf(settings)
  const producer = await producerFor(driver, settings)
  const cut = () => cutAll(producer)
  try {
    const partitions = await bounded(settings.connect_timeout, place, signal, (limited) => untilAborted(partitionsOf(producer, settings.topic), limited, cut))
    return connectionOf(driver, producer, settings, partitions)
  } catch (error) {
    cut()
    throw kafkaError(place, error)
  }
}

async function producerFor({ Producer }: Driver, settings: Options): Promise<Producer> {
  const { bootstrap, username, password, mechanism, connect_timeout: connectTimeout, timeout } = settings
  const producer = new Producer({
    clientId: 'brine', bootstrapBrokers: bootstrap.map(brokerOf), retries: 0, autocreateTopics: true,
    connectTimeout: connectTimeout * 1000, timeout: timeout * 1000, requestTimeout: timeout * 1000,
    ...(settings.tls && { tls: await readTlsFiles(settings) }),
    ...(username !== undefined && { sasl: { mechanism, username, password: password?.reveal() ?? '' } }),
  })
  // The driver listens for one error of a connection: a second one must not end the process.
  producer.connections.on('connecting', ({ connection }) => {
    const quiet = (): void => void connection.socket?.on('error', () => {})
    connection.on('error', quiet)
    connection.on('connect', quiet)
  })
  return producer
}

function brokerOf(text: string): Broker {
  const { hostname, port } = new URL(`kafka://${text}`)
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? STANDARD_PORT : Number(port) }
}

async function partitionsOf(producer: Producer, topic: string): Promise<number> {
  const { topics } = await producer.metadata({ topics: [topic], autocreateTopics: true })
  const count = topics.get(topic)?.partitionsCount ?? 0
  if (count === 0) throw new OperatorError(`the topic ${topic} has no partitions`)
  return count
}

function connectionOf({ compatibilityPartitioner }: Driver, producer: Producer, settings: Options, partitions: number): KafkaConnection {
  const cut = () => cutAll(producer)
  return {
    partitionOf: (key) => compatibilityPartitioner({ topic: settings.topic }, Buffer.from(headerText(key))) % partitions,
    async send({ partition, items }) {
      const messages = items.map(({ key, ret, json }) => ({
        topic: settings.topic, partition, key: Buffer.from(headerText(key)), value: Buffer.from(json),
        headers: new Map([['key', key], ['jid', ret.jid], ['id', ret.id]].map(([name = '', value = '']) => [Buffer.from(name), Buffer.from(headerText(value))])),
      }))
      try {
        await producer.send({ messages, acks: ACKS_OF_ALL })
      } catch (error) {
        throw kafkaError(placeOf(settings), error)
      }
    },
    isGone: () => producer.closed,
    cut,
    close: () => bounded(GOODBYE_SECONDS, placeOf(settings), new AbortController().signal, (late) => untilAborted(producer.close(), late, cut)).catch(() => {}),
  }
}

/** The driver's own `close` waits for the brokers. */
function cutAll(producer: Producer): void {
  const connections: Connection[] = [...producer.connections].map(([, connection]) => connection)
  void producer.close().catch(() => {})
  for (const connection of connections) connection.socket?.destroy()
}
