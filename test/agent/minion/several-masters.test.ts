import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { startMastersBench, type BenchMaster, type MastersBench } from '../../helpers/masters-bench.ts'
import { createRsaPair, type RsaPair } from '../../helpers/scripted-master.ts'
import { until } from '../../helpers/until.ts'

let key: RsaPair
let other: RsaPair
let bench: MastersBench | undefined

beforeAll(() => {
  key = createRsaPair()
  other = createRsaPair()
})
afterEach(async () => {
  await bench?.close()
  bench = undefined
})

let jids = 0
function newJid(): string {
  jids += 1
  return `20260101000000${String(jids).padStart(6, '0')}`
}

async function two(keys: [RsaPair, RsaPair], yaml: string[] = []): Promise<[MastersBench, BenchMaster, BenchMaster]> {
  bench = await startMastersBench(keys, yaml)
  const [a, b] = bench.masters
  if (a === undefined || b === undefined) throw new Error('there are no two masters')
  await bench.reached(a, 'connected')
  await bench.reached(b, 'connected')
  return [bench, a, b]
}

describe.each([['a key each', () => [key, other] as const], ['one key', () => [key, key] as const]])('two masters with %s', (_name, keys) => {
  test('both give orders, and a return waits for the one that asked, across a restart of the minion', async () => {
    const [site, a, b] = await two([...keys()])
    const [first, second, late, held] = [newJid(), newJid(), newJid(), newJid()]

    a.order(first, 'test.ping')
    b.order(second, 'test.ping')
    await until(() => a.returned().includes(first) && b.returned().includes(second), 'each has its return')

    // The job outlives its master, whose return the other must not get.
    const go = join(site.pkiDir, 'go')
    b.order(held, 'cmd.run', [`until test -e ${go}; do sleep 0.02; done`])
    await until(async () => (await site.status()).jobs.running === 1, 'the job runs')
    await b.shut()
    await site.reached(b, 'waiting')
    const { writeFileSync } = await import('node:fs')
    writeFileSync(go, '')
    a.order(late, 'test.ping')
    await until(() => a.returned().includes(late), 'the other master gets its own at once')
    await until(async () => (await site.status()).jobs.unfinished === 0, 'the return is accepted')

    await site.again()
    await site.reached(a, 'connected')
    expect(a.returned()).toEqual([first, late])
    await b.listen()
    await until(() => b.returned().includes(held), 'the return went to the master that asked')

    expect(b.returned()).toEqual([second, held])
    expect(a.returned()).toEqual([first, late])
  })
})

test('a job cut off by the end of the minion is reported to the master that asked, also where both have one key', async () => {
  const [site, a, b] = await two([key, key])
  const jid = newJid()
  b.order(jid, 'cmd.run', ['sleep 600'])
  await until(async () => (await site.status()).jobs.running === 1, 'the job runs')

  await site.again()
  await until(() => b.returned().includes(jid), 'its return is there')

  expect([a.returned(), b.returned()]).toEqual([[], [jid]])
})

test('a job that both publish runs once; two jobs with one jid by chance run both', async () => {
  const [site, a, b] = await two([key, other])
  const [same, chance, end] = [newJid(), newJid(), newJid()]
  a.order(same, 'test.echo', ['x'])
  await until(() => a.returned().includes(same), 'it ran')
  b.order(same, 'test.echo', ['x'])
  a.order(chance, 'test.echo', ['one'])
  b.order(chance, 'test.echo', ['two'])
  b.order(end, 'test.ping')
  await until(() => b.returned().includes(end) && b.returned().includes(chance) && a.returned().includes(chance), 'the jobs are over')

  expect(a.returned()).toEqual([same, chance])
  expect(b.returned().toSorted()).toEqual([chance, end])
  expect(site.lines.filter(({ message }) => message.includes('another master has published already'))).toHaveLength(1)
})

test('each pins a key of its own, and one whose key changes is refused alone: its returns wait until an operator agrees', async () => {
  const [site, a, b] = await two([key, other])
  expect(readdirSync(join(site.pkiDir, 'masters')).toSorted()).toEqual([a, b].map(({ address }) => `${encodeURIComponent(address)}.pub`).toSorted())
  expect(existsSync(join(site.pkiDir, 'minion_master.pub'))).toBe(false)
  const [held, now] = [newJid(), newJid()]
  const go = join(site.pkiDir, 'go')
  b.order(held, 'cmd.run', [`until test -e ${go}; do sleep 0.02; done`])
  await until(async () => (await site.status()).jobs.running === 1, 'the job runs')

  await b.shut()
  b.key = createRsaPair()
  await b.listen()
  await until(async () => (await site.status()).masters[1]?.lastError?.includes("the master's key has changed"), 'it is refused')
  const { rmSync, writeFileSync } = await import('node:fs')
  writeFileSync(go, '')
  a.order(now, 'test.ping')
  await until(() => a.returned().includes(now), 'the other goes on')
  await until(async () => (await site.status()).jobs.unfinished === 0, 'the return is accepted')
  expect(b.returned()).toEqual([])

  rmSync(join(site.pkiDir, 'masters', `${encodeURIComponent(b.address)}.pub`))
  await site.again()
  await until(() => b.returned().includes(held), 'what waited for the old key goes to the same master under its new one')
  expect(a.returned()).toEqual([now])
})
