import { defineReturner, PermanentError, type ReturnerContext, type ReturnerHandle, type ReturnItem } from '../contract.ts'
import { bounded } from '../lib/bounded.ts'
import { connectSocket } from '../lib/connect-socket.ts'
import { killGroup, type Program } from '../lib/program.ts'
import { settleBatch } from '../lib/settle-batch.ts'
import { readTlsFiles } from '../lib/tls-files.ts'
import { syslogError, tooLarge } from './errors.ts'
import { sendLocally } from './local.ts'
import { rfc5424 } from './message.ts'
import { frames, type Place, sendDatagrams, sendOn } from './network.ts'
import { type Options, options } from './options.ts'

const maxBatch = 50

export default defineReturner<Options>({
  name: 'syslog',
  summary: 'Writes each return to the log of this host, or to a syslog server',
  options,
  delivery: 'at-least-once',
  // What decides which bytes leave for where is the site's.
  masterMaySet: ['level', 'timeout', 'connect_timeout'],
  isolation: 'process',
  maxBatch,
  deadlineSeconds: ({ protocol, timeout, connect_timeout }) => (protocol === 'unix' ? maxBatch * timeout : timeout + connect_timeout) + 5,
  open: (settings, context) => (settings.protocol === 'unix' ? openLocal(settings) : openRemote(settings, context)),
})

function openLocal(settings: Options): ReturnerHandle {
  const running = new Set<Program>()
  return {
    async returner(items: ReturnItem[], signal) {
      const ends: PromiseSettledResult<void>[] = []
      for (const item of items) {
        const [end] = await Promise.allSettled([sendLocally(item, settings, running, signal)])
        ends.push(end)
        // What is wrong with the socket is wrong for those after it, too.
        if (end.status === 'rejected' && !(end.reason instanceof PermanentError)) break
      }
      settleBatch(items, ends)
    },
    async close() {
      for (const program of running) killGroup(program)
    },
  }
}

/** The most that a datagram holds: 64 KiB less the headers of IPv4 and UDP. */
const MAX_DATAGRAM = 65_507

function openRemote(settings: Options, context: ReturnerContext): ReturnerHandle {
  const { host, protocol, connect_timeout, timeout } = settings
  const place: Place = { host, port: settings.port ?? (protocol === 'tls' ? 6514 : 514) }
  const name = `${protocol}://${host}:${place.port}`
  const [limit, whose] = protocol === 'udp' && settings.max_message > MAX_DATAGRAM ? [MAX_DATAGRAM, 'a datagram holds'] : [settings.max_message, 'max_message']

  async function send(messages: readonly Buffer[], signal: AbortSignal): Promise<void> {
    if (messages.length === 0) return
    try {
      if (protocol === 'udp') {
        await bounded(timeout, name, signal, (limited) => sendDatagrams(place, messages, limited))
        return
      }
      const tls = protocol === 'tls' ? await readTlsFiles(settings) : undefined
      const start = performance.now()
      const socket = await bounded(connect_timeout, name, signal, (limited) => connectSocket(place, tls, limited))
      await bounded(timeout, name, signal, (limited) => sendOn(socket, frames(messages), performance.now() - start, limited))
    } catch (error) {
      throw syslogError(name, error)
    }
  }

  return {
    async returner(items: ReturnItem[], signal) {
      signal.throwIfAborted()
      const messages = items.map((item) => rfc5424(item, settings, context.now()))
      await send(messages.filter((message) => message.length <= limit), signal)
      settleBatch(items, await Promise.allSettled(messages.map(async (message) => {
        if (message.length > limit) throw tooLarge(name, message.length, `${whose} (${limit})`)
      })))
    },
    async close() {},
  }
}
