/** The store alone: accepting bursts, and the whole life of a return, beside bare better-sqlite3 in turns. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../agent/clock.ts'
import { silentLogger } from '../../agent/log.ts'
import { openOutbox } from '../../agent/outbox/outbox.ts'
import type { Outbox } from '../../agent/outbox/port.ts'
import { median, ms, percent, rate, type Row } from './figures.ts'
import { openRawStore, type RawStore } from './raw-store.ts'

const body = Buffer.alloc(1024, 7)
/** As a site with an ext_job_cache has it. */
const destinations = [
  { name: 'master:1', kind: 'master' as const, spec: Buffer.from('x') },
  { name: 'd2', kind: 'returner' as const, spec: Buffer.from('x') },
]

interface Stores {
  outbox: Outbox
  raw: RawStore
  nextJid: () => string
}

/** Runs with two fresh stores on the same disk. */
async function withStores<T>(use: (stores: Stores) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'brine-bench-'))
  const settings = { directory: join(directory, 'outbox'), limits: { totalBytes: 4 * 1024 ** 3 } }
  const outbox = await openOutbox(settings, { clock: systemClock, log: silentLogger })
  const raw = openRawStore(directory, body)
  let id = 0
  try {
    return await use({ outbox, raw, nextJid: () => `2026112221${String((id += 1)).padStart(10, '0')}` })
  } finally {
    await outbox.close()
    raw.close()
    rmSync(directory, { recursive: true })
  }
}

async function acceptBurst({ outbox, nextJid }: Stores, size: number): Promise<void> {
  const accepted: Promise<number>[] = []
  for (let n = 0; n < size; n += 1) {
    const ret = { jid: nextJid(), minionId: 'web1.example.org', fun: 'state.apply', success: true, priority: 1 as const, body, destinations }
    accepted.push(outbox.accept(ret))
  }
  await Promise.all(accepted)
}

/** Milliseconds of one call. */
async function timed(act: () => Promise<void> | void): Promise<number> {
  const from = performance.now()
  await act()
  return performance.now() - from
}

/** Accepting bursts of several sizes; the two take turns, so that the machine's mood hits both. */
export async function measureAccept(): Promise<Row[]> {
  const rows: Row[] = []
  for (const [size, rounds, aim] of [[1, 2000, ''], [10, 600, '≥ 60 %'], [100, 200, '≥ 80 %'], [1000, 40, '≥ 80 %']] as const) {
    await withStores(async (stores) => {
      const ours: number[] = []
      const bare: number[] = []
      for (let round = 0; round < rounds; round += 1) {
        ours.push(await timed(() => acceptBurst(stores, size)))
        bare.push(await timed(() => stores.raw.accept(size)))
      }
      const [a, b] = [median(ours), median(bare)]
      rows.push({ what: `accept, burst of ${size}`, ours: `${rate((size * 1000) / a)} (${ms(a)})`, beside: `${rate((size * 1000) / b)} (${ms(b)})`, ratio: percent(b / a), aim })
    })
  }
  return rows
}

async function claimAndSettle(outbox: Outbox, destination: string, limit: number): Promise<number> {
  const request = { destination, queue: 'backlog' as const, boundary: outbox.lastReturnId(), limit, maxBytes: 1e8, now: Date.now() }
  const claimed = outbox.claim(request)
  if (claimed.length > 0) await outbox.settle(claimed.map(({ deliveryId }) => ({ kind: 'delivered', deliveryId })))
  return claimed.length
}

/** accept → claim → settle of 20 000 returns, in hundreds. */
export async function measureLifeCycle(): Promise<Row[]> {
  const [total, batch] = [20_000, 100]
  return withStores(async (stores) => {
    const { outbox, raw } = stores
    let [ours, bare] = [0, 0]
    for (let done = 0; done < total; done += 10 * batch) {
      ours += await timed(async () => {
        for (let n = 0; n < 10; n += 1) await acceptBurst(stores, batch)
        for (const { name } of destinations) while ((await claimAndSettle(outbox, name, batch)) > 0);
      })
      bare += await timed(() => {
        for (let n = 0; n < 10; n += 1) raw.accept(batch)
        for (const destination of [1, 2] as const) while (raw.settle(destination, batch) > 0);
      })
    }
    const each = (time: number) => rate((total * 1000) / time)
    return [{ what: 'life cycle: accept, claim, settle', ours: each(ours), beside: each(bare), ratio: percent(bare / ours), aim: '' }]
  })
}
