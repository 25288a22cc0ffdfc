import { cpus } from 'node:os'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Float, get, isMap } from '../../../agent/wire/value.ts'
import type { Value, ValueObject } from '../../../agent/wire/value.ts'
import { createHarness } from '../jobs/harness.ts'
import type { Harness } from '../jobs/harness.ts'

let harness: Harness

beforeAll(() => {
  harness = createHarness({ settings: { options: { 'status.meminfo.custom': ['MemTotal', 'nothing'] } } })
})

afterAll(() => harness.close())

async function result(fun: string, arg: unknown[] = []): Promise<Value> {
  return (await harness.run(fun, arg)).return
}

function keys(value: Value | undefined): string[] {
  return isMap(value) ? (value instanceof Map ? [...value.keys()].map(String) : Object.keys(value)) : []
}

describe('files of /proc', () => {
  test('cpustats gives maps for the processors together and for interrupts, numbers for the rest', async () => {
    const stats = await result('status.cpustats')

    expect(keys(get(stats, 'cpu')).toSorted()).toEqual(['idle', 'iowait', 'irq', 'nice', 'softirq', 'steal', 'system', 'user'])
    expect(get(get(stats, 'intr'), 'total')).toBeGreaterThan(0)
    expect(get(get(stats, 'softirq'), 'softirqs')).toBeInstanceOf(Array)
    expect(get(stats, 'btime')).toBeGreaterThan(1e9)
  })

  test('meminfo keeps numbers as texts, with their unit', async () => {
    const [, total] = /^MemTotal:\s+(\d+) kB/.exec(readFileSync('/proc/meminfo', 'utf8')) ?? []

    expect(get(await result('status.meminfo'), 'MemTotal')).toEqual({ value: total, unit: 'kB' })
  })

  test('cpuinfo has texts; diskstats, netdev, netstats and vmstats have counters by name', async () => {
    expect(get(await result('status.cpuinfo'), 'processor')).toBe(String(cpus().length - 1))
    expect(keys(get(await result('status.netdev'), 'lo'))).toHaveLength(17)
    expect(get(get(await result('status.netdev'), 'lo'), 'iface')).toBe('lo')
    expect(keys(await result('status.netstats'))).toContain('IpExt')
    expect(get(get(await result('status.netstats'), 'IpExt'), 'InOctets')).toBeGreaterThanOrEqual(0)
    expect(get(await result('status.vmstats'), 'nr_free_pages')).toBeGreaterThan(0)
    for (const disk of Object.values((await result('status.diskstats')) as ValueObject)) expect(keys(disk)).toHaveLength(14)
  })

  test('version is the kernel’s own text', async () => {
    expect(await result('status.version')).toBe(readFileSync('/proc/version', 'utf8').trim())
  })
})

test('uptime says the same in all its forms', async () => {
  const up = (await result('status.uptime')) as { seconds: number; since_iso: string; since_t: number; days: number; time: string; users: number }

  expect(Math.abs(Date.parse(`${up.since_iso.slice(0, -3)}Z`) / 1000 - up.since_t)).toBeLessThanOrEqual(1)
  expect(Math.abs(Date.now() / 1000 - up.since_t - up.seconds)).toBeLessThan(30)
  expect(up.days * 86_400 + Number(up.time.split(':')[0]) * 3600 + Number(up.time.split(':')[1]) * 60).toBe(up.seconds - (up.seconds % 60))
  expect(up.users).toBeGreaterThanOrEqual(0)
})

test('loadavg and nproc', async () => {
  const load = await result('status.loadavg')

  expect(keys(load)).toEqual(['1-min', '5-min', '15-min'])
  for (const value of Object.values(load as ValueObject)) expect(value instanceof Float ? value.value : value).toBeGreaterThanOrEqual(0)
  expect(await result('status.nproc')).toBeGreaterThanOrEqual(1)
})

describe('diskusage', () => {
  test('takes paths and types of file systems', async () => {
    const root = get(await result('status.diskusage', ['/']), '/')

    expect(get(root, 'total')).toBeGreaterThan(0)
    expect(get(root, 'available')).toBeGreaterThanOrEqual(0)
    expect(keys(await result('status.diskusage', ['/', 'no-such-type']))).toEqual(['/'])
    expect(keys(await result('status.diskusage', ['pro?']))).toContain('/proc')
    expect(keys(await result('status.diskusage'))).toContain('/proc')
  })

  test('says which path is not there', async () => {
    expect(await harness.run('status.diskusage', ['/no/such/place'])).toMatchObject({ return: expect.stringContaining('/no/such/place') as string, success: false })
  })
})

describe('processes', () => {
  test('procs knows this one, and its user', async () => {
    const procs = await result('status.procs')
    const own = get(procs, String(process.pid))

    expect(get(own, 'cmd')).toMatch(/node|vitest/)
    expect(get(own, 'user')).toBeTypeOf('string')
  })

  test('pid finds by a pattern, never itself, and refuses a broken pattern', async () => {
    expect(await result('status.pid', [`^\\S+ ${process.ppid} `])).toBe(String(process.ppid))
    expect(await result('status.pid', [`^\\S+ ${process.pid} `])).toBe('')
    expect(await result('status.pid', ['no such process anywhere'])).toBe('')
    expect(await harness.run('status.pid', ['('])).toMatchObject({ success: false, return: expect.stringContaining('the pattern is not valid') as string })
  })
})

test('time follows the format', async () => {
  expect(await result('status.time', ['%Y'])).toBe(String(new Date().getFullYear()))
  expect(await result('status.time')).toMatch(/^[A-Z][a-z]+day, \d\d\. [A-Z][a-z]+ \d{4} \d\d:\d\d[AP]M$/)
})

test('custom gives what the configuration asks for, and says what is unknown', async () => {
  expect(await result('status.custom')).toEqual({ MemTotal: { value: expect.any(String) as string, unit: 'kB' }, nothing: 'UNKNOWN' })
})

test('all_status has every part', async () => {
  const all = await result('status.all_status')

  expect(keys(all)).toEqual(['cpuinfo', 'cpustats', 'diskstats', 'diskusage', 'loadavg', 'meminfo', 'netdev', 'netstats', 'uptime', 'vmstats', 'w'])
})
