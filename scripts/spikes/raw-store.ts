/**
 * The same rows, indices and transactions as the outbox's accept, in bare better-sqlite3: what the store's code costs, and
 * what page size and checkpoint length change.
 *
 *   node scripts/spikes/raw-store.ts [page size] [checkpoint pages] [body bytes]
 */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { migrate } from '../../agent/outbox/schema.ts'

const pageSize = Number(process.argv[2] ?? 4096)
const checkpointPages = Number(process.argv[3] ?? 1000)
const body = Buffer.alloc(Number(process.argv[4] ?? 1024), 7)
const destinations = 2
const directory = mkdtempSync(join(process.env['SPIKE_DIR'] ?? tmpdir(), 'raw-store-'))
const path = join(directory, 'raw.db')
const database = new Database(path)
database.pragma('locking_mode = EXCLUSIVE')
database.pragma(`page_size = ${pageSize}`)
database.pragma('auto_vacuum = INCREMENTAL')
database.pragma('journal_mode = WAL')
database.pragma('synchronous = FULL')
database.pragma(`wal_autocheckpoint = ${checkpointPages}`)
database.pragma('cache_size = -4096')
migrate(database)

const insertReturn = database.prepare(
  'INSERT INTO returns (id, jid, minion_id, fun, success, accepted_at, uptime, checksum, body) VALUES (?, ?, ?, ?, 1, ?, ?, 1, ?)',
)
const insertDelivery = database.prepare(
  'INSERT INTO deliveries (return_id, destination_id, state, priority, bytes, attempts) VALUES (?, ?, 0, 1, ?, 0)',
)
const book = database.prepare('UPDATE destinations SET accepted = ?, queued = ?, queued_bytes = ?, newest = ?, uptime = ? WHERE id = ?')
const insertDestination = database.prepare(
  "INSERT INTO destinations VALUES (?, ?, 'returner', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, x'00')",
)
for (let d = 1; d <= destinations; d += 1) insertDestination.run(d, `d${d}`)

let id = 0
const burst = database.transaction((count: number) => {
  for (let n = 0; n < count; n += 1) {
    id += 1
    insertReturn.run(id, `2026112221${String(id).padStart(10, '0')}`, 'web1.example.org', 'state.apply', 1_795_000_000_000 + id, id, body)
    for (let d = 1; d <= destinations; d += 1) insertDelivery.run(id, d, body.length)
  }
  for (let d = 1; d <= destinations; d += 1) book.run(id, id, id * body.length, id, id, d)
})

function writtenBytes(): number {
  return Number(/^wchar: (\d+)/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])
}

for (const size of [1, 10, 100, 1000]) {
  const times: number[] = []
  const [startId, startBytes] = [id, writtenBytes()]
  const start = performance.now()
  while (performance.now() - start < 1500) {
    const from = performance.now()
    burst.immediate(size)
    times.push(performance.now() - from)
  }
  times.sort((a, b) => a - b)
  const rate = Math.round((times.length * size * 1000) / (performance.now() - start))
  const at = (share: number) => (times[Math.floor(times.length * share)] ?? 0).toFixed(2)
  const written = Math.round((writtenBytes() - startBytes) / (id - startId))
  console.log(`page ${pageSize}: burst ${size}: ${rate}/s, commit p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, ${written} bytes written per return`)
}
console.log(`file ${Math.round(statSync(path).size / id)} bytes per return`)
database.close()
rmSync(directory, { recursive: true })
