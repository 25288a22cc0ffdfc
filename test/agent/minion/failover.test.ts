import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, expect, test } from 'vitest'
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

async function two(keys: [RsaPair, RsaPair], yaml: string[] = []): Promise<[MastersBench, BenchMaster, BenchMaster]> {
  bench = await startMastersBench(keys, ['master_type: failover', ...yaml])
  const [a, b] = bench.masters
  if (a === undefined || b === undefined) throw new Error('there are no two masters')
  await bench.reached(a, 'connected')
  return [bench, a, b]
}

const states = async (site: MastersBench) => (await site.status()).masters.map(({ state }) => state)

test('one master at a time: the next when it is lost, back with master_failback; each return to the master that asked', async () => {
  const [site, a, b] = await two([key, other], ['master_failback: True', 'master_failback_interval: 0.3'])
  expect(await states(site)).toEqual(['connected', 'standby'])
  expect([a.subscribers, b.subscribers, b.requests.length]).toEqual([1, 0, 0])
  const go = join(site.pkiDir, 'go')
  a.order('20260101000000000001', 'cmd.run', [`until test -e ${go}; do sleep 0.02; done`])
  await until(async () => (await site.status()).jobs.running === 1, 'the job runs')

  await a.shut()
  await site.reached(b, 'connected')
  await until(() => b.requests.some((load) => load['tag'] === 'salt/minion/m1/start'), 'it is told of us')
  writeFileSync(go, '')
  b.order('20260101000000000002', 'test.ping')
  await until(() => b.returned().length > 0, 'the new master has its return')
  await until(async () => (await site.status()).jobs.unfinished === 0, 'the return for the old one is accepted')
  expect(b.returned()).toEqual(['20260101000000000002'])

  await a.listen()
  await site.reached(a, 'connected')
  await until(() => a.returned().length > 0, 'the first master has what waited for it')
  await until(async () => (await states(site))[1] === 'standby', 'the second one is left')
  expect([a.returned(), b.returned()]).toEqual([['20260101000000000001'], ['20260101000000000002']])
})

test('a master with the same key stands in for the lost one', async () => {
  const [site, a, b] = await two([key, key])
  const go = join(site.pkiDir, 'go')
  a.order('20260101000000000001', 'cmd.run', [`until test -e ${go}; do sleep 0.02; done`])
  await until(async () => (await site.status()).jobs.running === 1, 'the job runs')

  await a.shut()
  await site.reached(b, 'connected')
  writeFileSync(go, '')

  await until(() => b.returned().length > 0, 'it gets the return')
  expect(b.returned()).toEqual(['20260101000000000001'])
})

test('a short restart is waited for with master_alive_interval', async () => {
  const [site, a, b] = await two([key, other], ['master_alive_interval: 60'])
  await a.shut()
  await site.reached(a, 'waiting')
  await until(() => site.lines.filter(({ message }) => message === 'no connection to the master').length > 0, 'it has tried')
  await a.listen()
  await site.reached(a, 'connected')
  expect(b.requests).toEqual([])
})

test('a pending or refused key and an untrusted master lead to the next one; all of them are tried for ever', async () => {
  bench = await startMastersBench([key, other], ['master_type: failover', 'acceptance_wait_time: 600'])
  const [a, b] = bench.masters
  if (a === undefined || b === undefined) throw new Error('there are no two masters')
  await bench.reached(a, 'connected')
  // The key is deleted while it runs: asked for a new session the master says so.
  a.script.auth = (load) => a.signed({ ret: true, nonce: load['nonce'] })
  b.script.auth = (load) => b.signed({ ret: false, nonce: load['nonce'] })
  a.cut('publications')
  await until(() => b.requests.length > 1, 'the second one was asked twice')
  expect(await states(bench)).not.toContain('connected')

  b.script.auth = (load) => b.signed(b.acceptance(load))
  await bench.reached(b, 'connected')
})
