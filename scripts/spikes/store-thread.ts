/**
 * The store on the main thread or on a worker: memory, accept rate, and what a slow disk does to the event loop.
 *
 *   node scripts/spikes/store-thread.ts main|worker [rate]
 *   strace -f --seccomp-bpf -qq -e trace=fsync -e inject=fsync:delay_enter=500000 -o /dev/null \
 *     node scripts/spikes/store-thread.ts main|worker slow
 *
 * The worker speaks in batches, as one would write it: what arrives in one turn is one message, answered by one message.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { systemClock } from '../../agent/clock.ts'
import { silentLogger } from '../../agent/log.ts'
import type { NewReturn } from '../../agent/outbox/port.ts'

type Accept = (ret: NewReturn) => Promise<unknown>

interface Store {
  accept: Accept
  close(): Promise<void>
}

async function openHere(directory: string): Promise<Store> {
  const { openOutbox } = await import('../../agent/outbox/outbox.ts')
  return openOutbox({ directory, limits: { totalBytes: 4 * 1024 ** 3 } }, { clock: systemClock, log: silentLogger })
}

async function openInWorker(directory: string): Promise<Store> {
  const worker = new Worker(new URL(import.meta.url), { workerData: directory })
  await new Promise((resolve) => {
    worker.once('message', resolve)
  })
  let waiting: { ret: NewReturn; resolve(id: unknown): void }[] = []
  const sent: (typeof waiting)[] = []
  worker.on('message', (ids: unknown[]) => {
    for (const [index, { resolve }] of (sent.shift() ?? []).entries()) resolve(ids[index])
  })
  return {
    accept: (ret) =>
      new Promise((resolve) => {
        if (waiting.length === 0) {
          setImmediate(() => {
            worker.postMessage(waiting.map((one) => one.ret))
            sent.push(waiting)
            waiting = []
          })
        }
        waiting.push({ ret, resolve })
      }),
    async close() {
      worker.postMessage('close')
      await new Promise((resolve) => {
        worker.once('exit', resolve)
      })
    },
  }
}

async function serve(directory: string): Promise<void> {
  const store = await openHere(directory)
  parentPort?.on('message', (message: 'close' | NewReturn[]) => {
    if (message === 'close') {
      void store.close().then(() => parentPort?.close())
      return
    }
    const rets = message.map((ret) => ({ ...ret, body: Buffer.from(ret.body) }))
    void Promise.all(rets.map((ret) => store.accept(ret))).then((ids) => parentPort?.postMessage(ids))
  })
  parentPort?.postMessage('open')
}

const pssMiB = () => Number(/^Pss:\s+(\d+)/m.exec(readFileSync('/proc/self/smaps_rollup', 'utf8'))?.[1]) / 1024

const body = Buffer.alloc(1024, 7)
const spec = Buffer.from('x')
const destinations = [
  { name: 'master:1', kind: 'master' as const, spec },
  { name: 'local', kind: 'returner' as const, spec },
]
let count = 0
function nextReturn(): NewReturn {
  count += 1
  return { jid: `2026112221${String(count).padStart(10, '0')}`, minionId: 'web1', fun: 'state.apply', success: true, priority: 2, body, destinations }
}

async function measureRate(store: Store): Promise<void> {
  for (const size of [1, 10, 100, 1000]) {
    const rates: number[] = []
    for (let round = 0; round < 7; round += 1) {
      const from = count
      const start = performance.now()
      while (performance.now() - start < 400) await Promise.all(Array.from({ length: size }, () => store.accept(nextReturn())))
      rates.push(((count - from) * 1000) / (performance.now() - start))
    }
    rates.sort((a, b) => a - b)
    console.log(`  burst ${size}: median ${Math.round(rates[3] ?? 0)}/s, best ${Math.round(rates[6] ?? 0)}/s`)
  }
}

/** Ten accepts, one after the other, on a disk that takes half a second for each fsync. */
async function measureSlow(store: Store): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  const times: number[] = []
  for (let n = 0; n < 10; n += 1) {
    const start = performance.now()
    await store.accept(nextReturn())
    times.push(performance.now() - start)
  }
  delay.disable()
  times.sort((a, b) => a - b)
  console.log(`  slow disk: accept median ${Math.round(times[5] ?? 0)} ms; event loop blocked for at most ${Math.round(delay.max / 1e6)} ms`)
}

if (isMainThread) {
  const [where = 'main', what = 'rate'] = process.argv.slice(2)
  const directory = mkdtempSync(join(process.env['SPIKE_DIR'] ?? tmpdir(), 'store-thread-'))
  const store = where === 'worker' ? await openInWorker(directory) : await openHere(directory)
  console.log(`${where}: PSS after opening ${pssMiB().toFixed(1)} MiB`)
  if (what === 'slow') await measureSlow(store)
  else await measureRate(store)
  console.log(`  PSS at the end ${pssMiB().toFixed(1)} MiB`)
  await store.close()
  rmSync(directory, { recursive: true })
} else {
  await serve(String(workerData))
}
