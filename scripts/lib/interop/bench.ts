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
  try {
    console.log('| | Brine | stock minion | ratio |\n|---|---|---|---|')
    await measureAnswers(pair, settings)
    await measureRest(pair, settings, [ours, stock])
    await measureOutage(pair, settings)
  } finally {
    await pair.close()
    await master.remove()
  }
}

function print(name: string, unit: string, ours: number, stock: number): void {
  console.log(`| ${name} | ${ours.toFixed(2)} ${unit} | ${stock.toFixed(2)} ${unit} | ${stock === 0 ? '–' : `${(ours / stock).toFixed(2)}×`} |`)
}

async function measureAnswers(pair: Pair, settings: BenchSettings): Promise<void> {
  const { ours, stock } = pair
  const [a, b] = await withLocalClient(pair, async (client) => [await pings(client, ours, settings.pings), await pings(client, stock, settings.pings)] as const)
  print('round trip of `test.ping`, median', 'ms', at(a, 0.5), at(b, 0.5))
  print('round trip of `test.ping`, p99', 'ms', at(a, 0.99), at(b, 0.99))
  const burst = async (member: Member): Promise<number> => {
    const began = performance.now()
    const jobs = await withLocalClient(pair, (client) => publish(client, member, BURST, 'test.ping', []))
    await waitFor('all returns', 300_000, () => Promise.resolve(countStored(pair, jobs, member) === BURST ? true : undefined), 50)
    return (performance.now() - began) / 1000
  }
  print(`${BURST} jobs at once, until the last return`, 's', await burst(ours), await burst(stock))
}

/** Memory and the cost of doing nothing, both in the same minutes; then a start of each. */
async function measureRest(pair: Pair, { idleMinutes }: BenchSettings, subjects: readonly [Subject, Subject]): Promise<void> {
  const [ours, stock] = subjects
  print('idle memory of all processes, PSS', 'MiB', familyPss(ours.pid()) / 2 ** 20, familyPss(stock.pid()) / 2 ** 20)
  const cpu = (): [number, number] => [familyCpu(ours.pid()), familyCpu(stock.pid())]
  const before = cpu()
  await pause(idleMinutes * 60_000)
  const after = cpu()
  print(`CPU of ${idleMinutes} idle minutes`, 's', after[0] - before[0], after[1] - before[1])
  print('idle memory after them', 'MiB', familyPss(ours.pid()) / 2 ** 20, familyPss(stock.pid()) / 2 ** 20)
  const start = (subject: Subject): Promise<number> => withLocalClient(pair, async (client) => {
    const isThere = async (): Promise<true | undefined> => {
      // What is published before it subscribes is lost: soon again, then.
      const { returns } = await client.run({ tgt: [subject.member.id], fun: 'test.ping', expect: [subject.member.id], timeout: 0.1 })
      return returns.length > 0 ? true : undefined
    }
    await waitFor('an answer', 120_000, isThere, 10)
    await subject.restart()
    const began = performance.now()
    await waitFor('an answer', 120_000, isThere, 10)
    return (performance.now() - began) / 1000
  })
  print('start until it answers', 's', await start(ours), await start(stock))
}

/** The master goes while the jobs run, and comes back after they have ended. */
async function measureOutage(pair: Pair, { outageSeconds }: BenchSettings): Promise<void> {
  const members = [pair.ours, pair.stock]
  const jobs = await withLocalClient(pair, async (client) => {
    const asked: string[][] = []
    for (const member of members) asked.push(await publish(client, member, OUTAGE_JOBS, 'cmd.run', ['sleep 8; echo done']))
    return asked
  })
  await pair.master.stop()
  await pause(outageSeconds * 1000)
  await pair.master.start()
  await pause(Math.max(30_000, outageSeconds * 500))
  const [ours = Number.NaN, stock = Number.NaN] = members.map((member, index) => OUTAGE_JOBS - countStored(pair, jobs[index] ?? [], member))
  print(`returns lost of ${OUTAGE_JOBS} in an outage of ${outageSeconds} s`, '', ours, stock)
}
