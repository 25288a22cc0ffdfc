/** The master's event bus, read as its own programs read it: from its socket, until the master ends. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createFrameReader } from '../../../../agent/transport/frames.ts'
import { decode } from '../../../../agent/wire/msgpack.ts'
import type { StockMaster } from '../../stock-master.ts'
import { waitFor } from '../../site.ts'

export interface BusWatch {
  /** How often the bus showed a minion's return, by jid. */
  readonly seen: ReadonlyMap<string, number>
  /** Listens to the master that runs now. What it says until then is not seen. */
  listen(): Promise<void>
  close(): void
}

const MAX_EVENT_BYTES = 64 * 1024 * 1024
const LIMIT_MS = 60_000

/** Counts the returns of this minion. */
export function createBusWatch(master: StockMaster, minionId: string): BusWatch {
  const seen = new Map<string, number>()
  const path = join(master.root, 'var', 'run', 'salt', 'master', 'master_event_pub.ipc')
  let end = (): void => {}

  function take(body: Buffer): void {
    const packed = decode(body, { raw: true })
    if (!(packed instanceof Uint8Array)) return
    const tag = Buffer.from(packed).toString('latin1').split('\n\n', 1)[0] ?? ''
    const [, jid, id] = /^salt\/job\/(\d+)\/ret\/(.+)$/.exec(tag) ?? []
    if (jid !== undefined && id === minionId) seen.set(jid, (seen.get(jid) ?? 0) + 1)
  }

  return {
    seen,
    async listen() {
      end()
      const reader = createFrameReader(MAX_EVENT_BYTES)
      const socket = await waitFor('the event bus of the master', LIMIT_MS, async () => {
        const tried = connect(path)
        try {
          await once(tried, 'connect')
          return tried
        } catch {
          tried.destroy()
          return undefined
        }
      })
      end = () => socket.destroy()
      socket.on('error', () => {})
      socket.on('data', (chunk: Buffer) => {
        for (const { body } of reader.push(chunk)) take(body)
      })
    },
    close: () => end(),
  }
}
