import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, totalmem, userInfo } from 'node:os'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { parseLogins } from '../../../agent/modules/host/logins.ts'
import { Float, get } from '../../../agent/wire/value.ts'
import type { Value, ValueObject } from '../../../agent/wire/value.ts'
import { until } from '../../helpers/until.ts'
import { createHarness, isAlive } from '../jobs/harness.ts'
import type { Harness } from '../jobs/harness.ts'

let harness: Harness
let child: ChildProcess

/** A text that no other process has among its arguments. */
const unique = `brine-ps-${process.pid}`

beforeAll(async () => {
  harness = createHarness()
  child = spawn('/bin/sh', ['-c', 'echo up; read line', unique, 'a b'], { stdio: ['pipe', 'pipe', 'ignore'] })
  await new Promise((resolve) => void child.stdout?.once('data', resolve))
})

afterAll(async () => {
  child.kill('SIGKILL')
  await harness.close()
})

async function result(fun: string, arg: unknown[] = []): Promise<Value> {
  return (await harness.run(fun, arg)).return
}

const plain = (value: Value | undefined) => (value instanceof Float ? value.value : value)

describe('one process', () => {
  test('proc_info gives the facts that are asked for', async () => {
    const { username, uid } = userInfo()

    expect(await result('ps.proc_info', [child.pid, ['pid', 'ppid', 'cmdline', 'username', 'uids', 'status', 'name', 'nice', 'num_threads', 'cwd']])).toEqual({
      pid: child.pid, ppid: process.pid, cmdline: ['/bin/sh', '-c', 'echo up; read line', unique, 'a b'], username, uids: [uid, uid, uid],
      status: 'sleeping', name: 'sh', nice: expect.any(Number) as number, num_threads: 1, cwd: process.cwd(),
    })
  })

  test('without names it gives all but the environment', async () => {
    const all = (await result('ps.proc_info', [child.pid])) as ValueObject

    expect(Object.keys(all)).toContain('memory_info')
    expect(Object.keys(all)).not.toContain('environ')
    expect((all['memory_info'] as number[])[0]).toBeGreaterThan(0)
    expect(Math.abs(Number(plain(all['create_time'])) - Date.now() / 1000)).toBeLessThan(600)
    expect(get(await result('ps.proc_info', [child.pid, ['environ']]), 'environ')).toMatchObject({ PATH: process.env['PATH'] })
  })

  test('one that is not there, and a fact that is none', async () => {
    expect(await harness.run('ps.proc_info', [99_999_999])).toMatchObject({ return: 'ERROR: process PID not found (pid=99999999)', success: false })
    expect(await harness.run('ps.proc_info', [child.pid, ['nope']])).toMatchObject({ return: expect.stringContaining("invalid attr name 'nope'") as string })
  })
})

test('of arguments without end the beginning is kept', async () => {
  const long = spawn('/bin/sh', ['-c', 'echo up; read line', 'x'.repeat(100_000), 'y'.repeat(100_000)], { stdio: ['pipe', 'pipe', 'ignore'] })
  onTestFinished(() => void long.kill('SIGKILL'))
  await new Promise((resolve) => void long.stdout.once('data', resolve))
  const args = get(await result('ps.proc_info', [long.pid, ['cmdline']]), 'cmdline') as string[]

  expect(args.map((arg) => arg.length)).toEqual([7, 2, 18, 100_000, expect.any(Number)])
  expect(args.join(' ').length).toBeLessThanOrEqual(128 * 1024)
})

describe('finding and ending', () => {
  test('pgrep looks in names, or in arguments, by text or pattern', async () => {
    expect(await result('ps.pgrep', [unique])).toBe(null)
    expect(await result('ps.pgrep', [unique, { __kwarg__: true, full: true }])).toEqual([child.pid])
    expect(await result('ps.pgrep', [`${unique} a.b$`, { __kwarg__: true, full: true, pattern_is_regex: true }])).toEqual([child.pid])
    expect(await result('ps.pgrep', [unique, { __kwarg__: true, full: true, user: 'no-such-user' }])).toBe(null)
    expect(await harness.run('ps.pgrep', ['(', { __kwarg__: true, pattern_is_regex: true }])).toMatchObject({ success: false })
  })

  test('get_pid_list, status and top know processes', async () => {
    expect(await result('ps.get_pid_list')).toContain(process.pid)
    expect(await result('ps.status', ['sleeping'])).toContainEqual({ pid: child.pid, name: 'sh' })
    expect(await harness.run('ps.status', [''])).toMatchObject({ return: "ERROR executing 'ps.status': Filter is required for ps.status", success: false })
    const [first] = (await result('ps.top', [1, 0.01])) as ValueObject[]
    expect(Object.keys(first ?? {})).toEqual(['cmd', 'user', 'status', 'pid', 'create_time', 'cpu', 'mem'])
  })

  test('psaux counts the lines', async () => {
    expect(await result('ps.psaux', [unique])).toEqual([unique, [expect.stringContaining(unique) as string], '1 occurrence(s).'])
  })

  test('pkill and kill_pid send signals to processes only', async () => {
    expect(await result('ps.pkill', [unique, { __kwarg__: true, full: true }])).toEqual({ killed: [child.pid] })
    await until(() => !isAlive(child.pid ?? 0), 'the process has ended')
    expect(await result('ps.pkill', [unique, { __kwarg__: true, full: true }])).toBe(null)
    expect(await result('ps.kill_pid', [99_999_999])).toBe(false)
    for (const pid of [0, -1]) expect(await harness.run('ps.kill_pid', [pid, 9])).toMatchObject({ success: false, return: expect.stringContaining('pid must be a positive integer') as string })
  })
})

describe('the host', () => {
  test('memory and processors', async () => {
    const memory = (await result('ps.virtual_memory')) as ValueObject

    expect(Object.keys(memory)).toEqual(['total', 'available', 'percent', 'used', 'free', 'active', 'inactive', 'buffers', 'cached', 'shared', 'slab'])
    expect(memory['total']).toBe(totalmem())
    expect(await result('ps.total_physical_memory')).toBe(totalmem())
    expect(Object.keys((await result('ps.swap_memory')) as object)).toEqual(['total', 'used', 'free', 'percent', 'sin', 'sout'])
    expect(await result('ps.num_cpus')).toBe(cpus().length)
    expect(await result('ps.cpu_times', [true])).toHaveLength(cpus().length)
    expect(plain(get(await result('ps.cpu_times'), 'user'))).toBeGreaterThan(0)
    expect(plain(await result('ps.cpu_percent', [0.02]))).toBeGreaterThanOrEqual(0)
    expect(await result('ps.cpu_percent', [0.02, true])).toHaveLength(cpus().length)
  })

  test('disks and interfaces', async () => {
    const [, received] = /^\s*lo:\s*([0-9]+)/m.exec(readFileSync('/proc/net/dev', 'utf8')) ?? []

    expect(get(await result('ps.network_io_counters', ['lo']), 'bytes_recv')).toBeGreaterThanOrEqual(Number(received))
    expect(await result('ps.network_io_counters', ['nope0'])).toBe(false)
    expect(Object.keys((await result('ps.network_io_counters')) as object)).toHaveLength(8)
    expect(await result('ps.disk_io_counters', ['nope'])).toBe(false)
    const usage = (await result('ps.disk_usage', ['/'])) as Record<string, number>
    expect(Object.keys(usage)).toEqual(['total', 'used', 'free', 'percent'])
    expect(usage['total']).toBeGreaterThanOrEqual((usage['used'] ?? 0) + (usage['free'] ?? 0))
    expect(await result('ps.disk_partitions', [true])).toContainEqual(expect.objectContaining({ mountpoint: '/proc', fstype: 'proc' }) as object)
    expect(((await result('ps.disk_partitions')) as Record<string, string>[]).map(({ fstype }) => fstype)).not.toContain('proc')
  })

  test('boot_time is a number, or a text by a format', async () => {
    const seconds = Number(await result('ps.boot_time'))

    expect(Math.abs(Date.now() / 1000 - Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) - seconds)).toBeLessThan(60)
    expect(await result('ps.boot_time', ['%s'])).toBe(String(seconds))
  })

  test('logins are read from the file that keeps them', () => {
    const record = (type: number, user: string, line: string, host: string) => {
      const bytes = Buffer.alloc(384)
      bytes.writeInt16LE(type, 0)
      bytes.writeInt32LE(42, 4)
      bytes.write(line, 8)
      bytes.write(user, 44)
      bytes.write(host, 76)
      bytes.writeInt32LE(1_700_000_000, 340)
      return bytes
    }
    const bytes = Buffer.concat([record(2, 'reboot', '~', '6.1'), record(7, 'ada', 'pts/0', '192.0.2.7'), record(8, 'gone', 'pts/1', ''), Buffer.alloc(100)])

    expect(parseLogins(bytes)).toEqual([{ user: 'ada', terminal: 'pts/0', host: '192.0.2.7', started: 1_700_000_000, pid: 42 }])
  })
})
