/**
 * The outbox's accept rate at bursts, with two destinations and 1 KiB bodies; beside it, raw-store.ts.
 *
 *   node scripts/spikes/store-rate.ts [seconds per burst size]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../agent/clock.ts'
import { silentLogger } from '../../agent/log.ts'
import { openOutbox } from '../../agent/outbox/outbox.ts'

const seconds = Number(process.argv[2] ?? 1.5)
const directory = mkdtempSync(join(process.env['SPIKE_DIR'] ?? tmpdir(), 'store-rate-'))
const outbox = await openOutbox({ directory, limits: { totalBytes: 4 * 1024 ** 3 } }, { clock: systemClock, log: silentLogger })
const body = Buffer.alloc(1024, 7)
const spec = Buffer.from('x')
const destinations = [
  { name: 'master:1', kind: 'master' as const, spec },
  { name: 'local', kind: 'returner' as const, spec },
]
let id = 0
for (const size of [1, 10, 100, 1000]) {
  const times: number[] = []
  const start = performance.now()
  while (performance.now() - start < seconds * 1000) {
    const from = performance.now()
    const accepted: Promise<number>[] = []
    for (let n = 0; n < size; n += 1) {
      id += 1
      const jid = `2026112221${String(id).padStart(10, '0')}`
      accepted.push(outbox.accept({ jid, minionId: 'web1.example.org', fun: 'state.apply', success: true, priority: 2, body, destinations }))
    }
    await Promise.all(accepted)
    times.push(performance.now() - from)
  }
  times.sort((a, b) => a - b)
  const rate = Math.round((times.length * size * 1000) / (performance.now() - start))
  const at = (share: number) => (times[Math.floor(times.length * share)] ?? 0).toFixed(2)
  console.log(`burst ${size}: ${rate}/s, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`)
}
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
