/** The figures of ours and of a stock minion, measured in one run under one stock master. */
import { existsSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { familyCpu, familyPss } from '../../bench/processes.ts'
import { createStockMaster } from '../stock-master.ts'
import type { LocalClient } from './local-client.ts'
import { startPair, withLocalClient, type Member, type Pair } from './pair.ts'
import type { SaltTree } from './python-salt.ts'
import { waitFor } from '../site.ts'

export interface BenchSettings extends SaltTree {
  transport: string
  idleMinutes: number
  outageSeconds: number
  pings: number
}

const BURST = 100
const OUTAGE_JOBS = 50

function at(sorted: number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

async function pings(client: LocalClient, { id }: Member, count: number): Promise<number[]> {
  const times: number[] = []
  for (let index = 0; index < count; index += 1) {
    const { returns } = await client.run({ tgt: [id], fun: 'test.ping', expect: [id], timeout: 20 })
    if (returns[0] !== undefined) times.push(returns[0].after * 1000)
  }
  return times.toSorted((a, b) => a - b)
}

/** Publishes without waiting; gives the jobs. */
async function publish(client: LocalClient, { id }: Member, count: number, fun: string, arg: unknown[]): Promise<string[]> {
  const jobs: string[] = []
  for (let index = 0; index < count; index += 1) jobs.push((await client.run({ tgt: [id], fun, arg, kwarg: fun === 'cmd.run' ? { python_shell: true } : {}, expect: [], timeout: 0 })).jid)
  return jobs
}

function countStored({ master }: Pair, jobs: string[], { id }: Member): number {
  return jobs.filter((jid) => existsSync(master.returnFile(jid, id))).length
}

interface Subject {
  member: Member
  pid(): number
  restart(): Promise<void>
}

/** Measures and prints a table in Markdown. */
export async function measureBoth(settings: BenchSettings): Promise<void> {
  const master = await createStockMaster({ ...settings })
  await master.start()
  const pair = await startPair(settings, master, settings.transport)
  const pidOf = (pid: number | undefined): number => {
    if (pid === undefined) throw new Error('a minion does not run')
    return pid
  }
  const ours: Subject = {
    member: pair.ours,
    pid: () => pidOf(pair.ours.minion.pid()),
    async restart() {
      await pair.ours.minion.end('SIGTERM')
      pair.ours.minion.start()
    },
  }
  const stock: Subject = {
    member: pair.stock,
    pid: () => pidOf(pair.stock.minion.pid()),
    async restart() {
      await pair.stock.minion.stop()
      pair.stock.minion.start()
    },
  }
  const rows: string[] = []
  const row = async (name: string, unit: string, measure: (subject: Subject) => Promise<number>) => {
    const [a, b] = [await measure(ours), await measure(stock)]
    rows.push(`| ${name} | ${a.toFixed(2)} ${unit} | ${b.toFixed(2)} ${unit} | ${b === 0 ? '–' : `${(a / b).toFixed(2)}×`} |`)
    console.log(rows.at(-1))
  }
  try {
    console.log('| | Brine | stock minion | ratio |\n|---|---|---|---|')
    await measureAll(pair, settings, row)
  } finally {
    await pair.close()
    await master.remove()
  }
}

async function measureAll(pair: Pair, settings: BenchSettings, row: (name: string, unit: string, measure: (subject: Subject) => Promise<number>) => Promise<void>): Promise<void> {
  const { idleMinutes, outageSeconds } = settings
  const sorted = new Map<string, number[]>()
  await withLocalClient(pair, async (client) => {
    for (const member of [pair.ours, pair.stock]) sorted.set(member.id, await pings(client, member, settings.pings))
  })
  const share = (member: Member, part: number) => Promise.resolve(at(sorted.get(member.id) ?? [], part))
  await row('round trip of `test.ping`, median', 'ms', ({ member }) => share(member, 0.5))
  await row('round trip of `test.ping`, p99', 'ms', ({ member }) => share(member, 0.99))
  await row(`${BURST} jobs at once, until the last return`, 's', async ({ member }) => {
    const began = performance.now()
    const jobs = await withLocalClient(pair, (client) => publish(client, member, BURST, 'test.ping', []))
    await waitFor('all returns', 300_000, () => Promise.resolve(countStored(pair, jobs, member) === BURST ? true : undefined), 50)
    return (performance.now() - began) / 1000
  })
  await row('idle memory of all processes, PSS', 'MiB', (subject) => Promise.resolve(familyPss(subject.pid()) / 2 ** 20))
  await row(`CPU of ${idleMinutes} idle minutes`, 's', async (subject) => {
    const before = familyCpu(subject.pid())
    await pause(idleMinutes * 60_000)
    return familyCpu(subject.pid()) - before
  })
  await row('start until it answers', 's', async (subject) => {
    await subject.restart()
    const began = performance.now()
    await withLocalClient(pair, (client) => waitFor('an answer', 120_000, async () => {
      const { returns } = await client.run({ tgt: [subject.member.id], fun: 'test.ping', expect: [subject.member.id], timeout: 0.5 })
      return returns.length > 0 ? true : undefined
    }, 10))
    return (performance.now() - began) / 1000
  })
  const jobs = new Map<string, string[]>()
  await withLocalClient(pair, async (client) => {
    for (const member of [pair.ours, pair.stock]) jobs.set(member.id, await publish(client, member, OUTAGE_JOBS, 'cmd.run', ['sleep 8; echo done']))
  })
  await pair.master.stop()
  await pause(outageSeconds * 1000)
  await pair.master.start()
  await pause(Math.max(30_000, outageSeconds * 500))
  await row(`returns lost of ${OUTAGE_JOBS} in an outage of ${outageSeconds} s`, '', ({ member }) => Promise.resolve(OUTAGE_JOBS - countStored(pair, jobs.get(member.id) ?? [], member)))
}
