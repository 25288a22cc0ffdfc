import { randomBytes } from 'node:crypto'
import type { IClientOptions, MqttClient } from 'mqtt'
import { OperatorError, PermanentError } from '../contract.ts'
import { bounded } from '../lib/bounded.ts'
import { loadDriver } from '../lib/driver.ts'
import { readTlsFiles } from '../lib/tls-files.ts'
import { closeOrCut, untilAborted } from '../lib/until-aborted.ts'
import { mqttError } from './errors.ts'
import type { Message } from './message.ts'
import type { Options } from './options.ts'

/** The largest packet of MQTT itself. */
const LARGEST_PACKET = 268_435_460
/** The server acknowledges, and says that it has thrown the message away. */
const NO_SUBSCRIBERS = 16

/** A connection to one server. */
export interface MqttConnection {
  /** The server, for messages. */
  place: string
  /** The largest packet that the server takes, bytes. */
  largestPacket: number
  /** Most messages that may wait for their acknowledgement. */
  window: number
  /** Resolves when the server has acknowledged it: whether it has a subscriber for it. */
  publish(message: Message): Promise<boolean>
  isGone(): boolean
  cut(): void
  close(): Promise<void>
}

/** The driver. */
export async function loadMqtt() {
  const { default: mqtt } = await loadDriver('mqtt', 'mqtt', () => import('mqtt'))
  return mqtt
}

type Driver = Awaited<ReturnType<typeof loadMqtt>>

/**
 * Connects to the first server that takes us. The driver does not reconnect: a connection that broke is thrown away.
 *
 * @throws OperatorError or Error (to be retried), never with a password in it
 */
export async function connectMqtt(mqtt: Driver, settings: Options, signal: AbortSignal): Promise<MqttConnection> {
  const tls = await readTlsFiles(settings)
  const failures: Error[] = []
  for (const server of settings.servers) {
    const { client, place } = clientOptions(settings, server)
    try {
      return await bounded(settings.connect_timeout, place, signal, (limited) => connected(mqtt.connect({ ...client, ...tls }), place, limited))
    } catch (error) {
      failures.push(mqttError(place, error))
      if (signal.aborted) break
    }
  }
  // Someone must act only when none of them can come back by itself.
  throw failures.find((failure) => !(failure instanceof OperatorError)) ?? failures[0] ?? new Error('no server')
}

function clientOptions(settings: Options, server: string): { client: IClientOptions; place: string } {
  const url = new URL(server.includes('://') ? server : `mqtt://${server}`)
  const secure = url.protocol === 'mqtts:'
  const port = url.port === '' ? (secure ? 8883 : 1883) : Number(url.port)
  const client: IClientOptions = {
    protocol: secure ? 'mqtts' : 'mqtt', host: url.hostname.replace(/^\[|\]$/g, ''), port, protocolVersion: 5, clean: true, reconnectPeriod: 0,
    connectTimeout: settings.connect_timeout * 1000, resubscribe: false, timerVariant: 'native',
    clientId: settings.client_id ?? `brine-${randomBytes(6).toString('hex')}`,
    ...(settings.username !== undefined && { username: settings.username }), ...(settings.password !== undefined && { password: settings.password.reveal() }),
  }
  return { client, place: `${url.hostname}:${port}` }
}

/** A client that is about to connect, watched from its first moment: whatever it complains of ends it. */
async function connected(client: MqttClient, place: string, limited: AbortSignal): Promise<MqttConnection> {
  let fault: Error | undefined
  const unheard = new Set<number>()
  const opened = Promise.withResolvers<void>()
  const end = (error: unknown) => {
    fault ??= connectionFault(place, error)
    // It fails what is under way.
    client.end(true)
    opened.reject(fault)
  }
  client.on('error', end)
  client.on('close', () => end(new Error('the server hung up')))
  client.on('disconnect', ({ reasonCode }) => end(Object.assign(new Error('the server hung up'), { code: reasonCode })))
  client.on('packetreceive', (packet) => {
    // The driver keeps this code to itself.
    if (packet.cmd === 'puback' && packet.reasonCode === NO_SUBSCRIBERS && packet.messageId !== undefined) unheard.add(packet.messageId)
  })
  client.on('connect', () => opened.resolve())
  const cut = () => end(new Error('cut'))
  await untilAborted(opened.promise, limited, cut)
  const { maximumQoS, maximumPacketSize = LARGEST_PACKET, receiveMaximum = 65_535 } = client.serverProperties ?? {}
  const never = maximumQoS === 0 ? 'maximum QoS' : receiveMaximum === 0 ? 'receive maximum' : undefined
  if (never !== undefined) {
    cut()
    throw new OperatorError(`${place}: the server acknowledges no messages (its ${never} is 0)`)
  }
  return {
    place,
    largestPacket: maximumPacketSize,
    window: receiveMaximum,
    publish: async (message) => {
      if (fault !== undefined) throw fault
      return publishOn(client, unheard, message).catch((error: unknown) => Promise.reject(fault ?? mqttError(place, error)))
    },
    isGone: () => fault !== undefined,
    cut,
    close: () => closeOrCut(() => client.endAsync(), cut),
  }
}

/** Why a connection ended. That a packet was too large is not the fault of all the messages that were under way: each is sent again. */
function connectionFault(place: string, error: unknown): Error {
  const fault = mqttError(place, error)
  return fault instanceof PermanentError ? new Error(fault.message, { cause: error }) : fault
}

async function publishOn(client: MqttClient, unheard: Set<number>, { topic, payload, properties }: Message): Promise<boolean> {
  const packet = await client.publishAsync(topic, payload, { qos: 1, properties })
  return !(packet !== undefined && 'messageId' in packet && packet.messageId !== undefined && unheard.delete(packet.messageId))
}
