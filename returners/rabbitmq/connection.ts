import type { ChannelModel, ConfirmChannel, Message } from 'amqplib'
import { bounded } from '../lib/bounded.ts'
import { loadDriver } from '../lib/driver.ts'
import { readTlsFiles } from '../lib/tls-files.ts'
import { closeOrCut, untilAborted } from '../lib/until-aborted.ts'
import { rabbitError } from './errors.ts'
import type { Options } from './options.ts'

/** A connection with a channel on which the server confirms each message. */
export interface RabbitConnection {
  channel: ConfirmChannel
  /** Ids of messages that no queue took, until they are looked at. */
  returned: Set<string>
  /** What the server said when it closed the channel. */
  fault(): unknown
  isGone(): boolean
  cut(): void
  close(): Promise<void>
}

/** Server and virtual host, for messages. */
export function placeOf({ host, port, vhost }: Options): string {
  return `${host}:${port}, virtual host ${vhost}`
}

/**
 * Connects, and opens a channel with confirms.
 *
 * @throws OperatorError or Error (to be retried), never with a password in it
 */
export async function connectRabbit(settings: Options, signal: AbortSignal): Promise<RabbitConnection> {
  const amqp = await loadDriver('rabbitmq', 'amqplib', () => import('amqplib'))
  const place = placeOf(settings)
  const { host, port, vhost, username, password } = settings
  const tls = settings.tls ? await readTlsFiles(settings) : {}
  try {
    return await bounded(settings.connect_timeout, place, signal, async (limited) => {
      const connecting = amqp.connect(
        { protocol: settings.tls ? 'amqps' : 'amqp', hostname: host, port, username, password: password.reveal(), vhost, heartbeat: 0 },
        { ...tls, noDelay: true, timeout: settings.connect_timeout * 1000 },
      )
      // It cannot be called off: whatever comes of it later is hung up.
      const model = await untilAborted(connecting, limited, () => void connecting.then(cut).catch(() => {}))
      model.on('error', () => {})
      return await untilAborted(opened(model), limited, () => cut(model))
    })
  } catch (error) {
    throw rabbitError(place, error)
  }
}

async function opened(model: ChannelModel): Promise<RabbitConnection> {
  let [gone, fault]: [boolean, unknown] = [false, undefined]
  const end = (error?: unknown) => {
    gone = true
    fault ??= error
  }
  model.on('error', end)
  model.on('close', end)
  const channel = await model.createConfirmChannel()
  channel.on('error', end)
  channel.on('close', () => end())
  const returned = new Set<string>()
  channel.on('return', (message: Message) => returned.add(String(message.properties.messageId)))
  return { channel, returned, fault: () => fault, isGone: () => gone, cut: () => cut(model), close: () => closeOrCut(() => model.close(), () => cut(model)) }
}

/** The driver's own `close` waits for the server. */
function cut(model: ChannelModel): void {
  const { stream } = model.connection as unknown as { stream?: { destroy(): void } }
  stream?.destroy()
}
