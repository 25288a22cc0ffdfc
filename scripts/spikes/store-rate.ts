/**
 * The outbox's accept beside bare better-sqlite3 doing the same rows, indices and transactions, in turns of 100 ms so that
 * both see the same machine; then a drain. Two destinations, 1 KiB bodies.
 *
 *   node scripts/spikes/store-rate.ts [turns]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../agent/clock.ts'
import { silentLogger } from '../../agent/log.ts'
import { openDatabase } from '../../agent/outbox/database.ts'
import { openOutbox } from '../../agent/outbox/outbox.ts'

const turns = Number(process.argv[2] ?? 15)
const directory = mkdtempSync(join(process.env['SPIKE_DIR'] ?? tmpdir(), 'store-rate-'))
const outbox = await openOutbox({ directory, limits: { totalBytes: 4 * 1024 ** 3 } }, { clock: systemClock, log: silentLogger })
const body = Buffer.alloc(1024, 7)
const spec = Buffer.from('x')
const destinations = [
  { name: 'master:1', kind: 'master' as const, spec },
  { name: 'local', kind: 'returner' as const, spec },
]
let id = 0
const nextJid = () => `2026112221${String((id += 1)).padStart(10, '0')}`

async function ours(size: number): Promise<void> {
  await Promise.all(
    Array.from({ length: size }, () =>
      outbox.accept({ jid: nextJid(), minionId: 'web1.example.org', fun: 'state.apply', success: true, priority: 2, body, destinations }),
    ),
  )
}

const raw = openDatabase(join(directory, 'raw.db'))
const insertReturn = raw.prepare(
  'INSERT INTO returns (id, jid, minion_id, fun, success, accepted_at, uptime, checksum, body) VALUES (?, ?, ?, ?, 1, ?, ?, 1, ?)',
)
const insertDelivery = raw.prepare(
  'INSERT INTO deliveries (return_id, destination_id, state, priority, bytes, attempts) VALUES (?, ?, 0, 1, ?, 0)',
)
const book = raw.prepare('UPDATE destinations SET accepted = ?, queued = ?, queued_bytes = ?, newest = ?, uptime = ? WHERE id = ?')
for (const n of [1, 2]) raw.exec(`INSERT INTO destinations VALUES (${n}, 'd${n}', 'returner', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, x'00')`)
let rawId = 0
const bare = raw.transaction((size: number) => {
  for (let n = 0; n < size; n += 1) {
    rawId += 1
    insertReturn.run(rawId, nextJid(), 'web1.example.org', 'state.apply', 1_795_000_000_000 + rawId, rawId, body)
    insertDelivery.run(rawId, 1, body.length)
    insertDelivery.run(rawId, 2, body.length)
  }
  book.run(rawId, rawId, rawId, rawId, rawId, 1)
  book.run(rawId, rawId, rawId, rawId, rawId, 2)
}).immediate

/** Accepts per second in one turn, and per second of processor time. */
async function turn(size: number, run: (size: number) => Promise<void> | void): Promise<{ rate: number; cpu: number }> {
  const start = performance.now()
  const cpuStart = process.cpuUsage()
  let done = 0
  while (performance.now() - start < 100) {
    await run(size)
    done += size
  }
  const cpu = process.cpuUsage(cpuStart)
  return { rate: (done * 1000) / (performance.now() - start), cpu: (done * 1e6) / (cpu.user + cpu.system) }
}

const median = (values: number[]) => Math.round(values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0)
for (const size of [1, 10, 100, 1000]) {
  const rows: Record<'ours' | 'bare', Awaited<ReturnType<typeof turn>>>[] = []
  for (let n = 0; n < turns; n += 1) rows.push({ ours: await turn(size, ours), bare: await turn(size, bare) })
  const of = (which: 'ours' | 'bare', what: 'rate' | 'cpu') => median(rows.map((row) => row[which][what]))
  const share = (what: 'rate' | 'cpu') => Math.round((100 * of('ours', what)) / of('bare', what))
  console.log(`burst ${size}: ${of('ours', 'rate')}/s, bare ${of('bare', 'rate')}/s: ${share('rate')} %; by processor time ${share('cpu')} %`)
}
raw.close()

const drainStart = performance.now()
let drained = 0
for (const { name } of destinations) {
  for (;;) {
    const claimed = outbox.claim({ destination: name, queue: 'backlog', boundary: outbox.lastReturnId(), limit: 100, maxBytes: 1e7, now: Date.now() })
    if (claimed.length === 0) break
    drained += claimed.length
    await outbox.settle(claimed.map(({ deliveryId }) => ({ kind: 'delivered' as const, deliveryId })))
  }
}
const ms = performance.now() - drainStart
console.log(`drained ${drained} in ${Math.round(ms)} ms: ${Math.round((drained * 1000) / ms)}/s, rss ${Math.round(process.memoryUsage().rss / 1048576)} MiB`)
await outbox.close()
rmSync(directory, { recursive: true })
