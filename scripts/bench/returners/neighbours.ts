/** A healthy destination, and the master, while 19 others hang, crash, leak or refuse, with returns queued for each: beside the same alone. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../agent/clock.ts'
import { silentLogger } from '../../../agent/log.ts'
import { openOutbox } from '../../../agent/outbox/outbox.ts'
import type { DestinationRef } from '../../../agent/outbox/port.ts'
import { encode } from '../../../agent/wire/msgpack.ts'
import { destinationRef } from '../../../agent/returner-host/destination.ts'
import { waitFor, type Site } from '../../lib/site.ts'
import { median, ms, percent, percentile, rate, type Row } from '../figures.ts'
import { ping, startSite, statusOf } from '../minion.ts'
import { openPath, sampleReturn, storedPerSecond } from './path.ts'

/** What a bad returner does with a batch, as the body of its `returner`. */
const misdeeds: Readonly<Record<string, string>> = {
  hangs: 'await new Promise(() => {})',
  crashes: 'process.exit(1)',
  leaks: 'const held = []; for (;;) { held.push(Buffer.alloc(1048576, 1)); await new Promise((resolve) => setTimeout(resolve, 5)) }',
  refuses: "throw new Error('refused')",
}

const BAD = 19
/** Queued for each of them before anything is measured. */
const QUEUED = 200

/** Writes the bad returners into a directory, and gives their names. */
function writeBad(directory: string): string[] {
  mkdirSync(directory, { recursive: true })
  const kinds = Object.entries(misdeeds)
  return Array.from({ length: BAD }, (_, index) => {
    const [kind, body] = kinds[index % kinds.length] ?? ['refuses', '']
    const name = `${kind}_${index}`
    writeFileSync(join(directory, `${name}.ts`), `import { defineReturner, z } from 'brine/returner'
export default defineReturner({
  name: '${name}', summary: 'A bad one that ${kind}', delivery: 'upsert', maxBatch: 10, options: z.strictObject({ set: z.boolean() }),
  open: () => ({ async returner() { ${body} }, async close() {} }),
})
`)
    return name
  })
}

const optionsOf = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, { set: true }]))

function refOf(name: string): DestinationRef {
  const target = destinationRef(name, {})
  if ('error' in target) throw new Error(target.error)
  return target.ref
}

export async function measureNeighbours(count: number): Promise<Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'brine-bad-'))
  try {
    const names = writeBad(directory)
    const alone = await healthyRate(count, directory, [])
    const among = await healthyRate(count, directory, names)
    const times = await roundTrips(names)
    return [
      { what: 'returns stored by the healthy one', ours: rate(among), beside: rate(alone), ratio: percent(among / alone), aim: '≥ 95 %' },
      trip('round trip of test.ping, median', median(times.among), median(times.alone), ''),
      trip('round trip of test.ping, p99', percentile(times.among, 0.99), percentile(times.alone, 0.99), '≤ 1.1×'),
    ]
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function trip(what: string, ours: number, beside: number, aim: string): Row {
  return { what, ours: ms(ours), beside: ms(beside), ratio: `${(ours / beside).toFixed(2)}×`, aim }
}

/** The healthy destination is a file: nothing but our own work is in its way. */
async function healthyRate(count: number, directory: string, bad: readonly string[]): Promise<number> {
  const config: Record<string, unknown> = optionsOf(bad)
  const path = await openPath(config, [directory])
  try {
    config['rawfile_json'] = { filename: join(path.directory, 'returns') }
    const refs = bad.map(refOf)
    for (let number = 0; bad.length > 0 && number < QUEUED; number += 1) {
      const ret = sampleReturn(50_000_000 + number)
      await path.outbox.accept({ jid: ret.jid, minionId: 'bench', fun: 'state.apply', success: true, priority: 2, body: encode(ret, { bin: true }), destinations: refs })
    }
    await allFailed(bad.length, async () => path.delivery.status().lanes.filter(({ state }) => state === 'down' || state === 'probing').length)
    await storedPerSecond(path, 'rawfile_json', Math.ceil(count / 10), 0)
    return await storedPerSecond(path, 'rawfile_json', count, 1_000_000)
  } finally {
    await path.close()
  }
}

/** As long as pauses take to grow: bad ones are measured as they are most of the time. Milliseconds. */
const SETTLE_MS = 30_000

/** Every bad one has failed at least once, and a while has passed: those that hang take the longest. */
async function allFailed(count: number, failed: () => Promise<number>): Promise<void> {
  await waitFor('the bad ones to have failed', 120_000, async () => ((await failed()) >= count ? true : undefined), 50)
  if (count > 0) await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
}

const PINGS = 500

async function roundTrips(names: readonly string[]): Promise<{ among: number[]; alone: number[] }> {
  const yaml = (directory: string): string => [
    `returner_dirs: [${join(directory, 'bad')}]`,
    'returner_host: {deadline: 5s}',
    ...names.map((name) => `${name}: {set: True}`),
  ].join('\n')
  const { site, minion } = await startSite(yaml)
  try {
    writeBad(join(minion.directory, 'bad'))
    const alone = await pings(site)
    await minion.end('SIGTERM')
    await queueForAll(join(minion.directory, 'var/lib/brine/minion'), names)
    minion.start()
    await allFailed(names.length, async () => (await statusOf(site, minion)).lanes.filter(({ lastError, queued }) => lastError !== null && queued > 0).length)
    return { alone, among: await pings(site) }
  } finally {
    await site.close()
  }
}

async function pings(site: Site): Promise<number[]> {
  const times: number[] = []
  for (let number = 0; number < 100 + PINGS; number += 1) times.push(await ping(site))
  return times.slice(100)
}

async function queueForAll(directory: string, names: readonly string[]): Promise<void> {
  const outbox = await openOutbox({ directory }, { clock: systemClock, log: silentLogger })
  const destinations = names.map(refOf)
  for (let number = 0; number < QUEUED; number += 1) {
    const ret = { ...sampleReturn(60_000_000 + number), id: 'm1' }
    await outbox.accept({ jid: ret.jid, minionId: 'm1', fun: 'state.apply', success: true, priority: 2, body: encode(ret, { bin: true }), destinations })
  }
  await outbox.close()
}
