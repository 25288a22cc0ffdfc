import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { mountOf } from '../../../agent/modules/host/mounts.ts'
import { get } from '../../../agent/wire/value.ts'
import type { Value } from '../../../agent/wire/value.ts'
import { createHarness } from '../jobs/harness.ts'
import type { Harness } from '../jobs/harness.ts'

let harness: Harness

beforeAll(() => {
  harness = createHarness()
})

afterAll(() => harness.close())

async function result(fun: string, arg: unknown[] = []): Promise<Value> {
  return (await harness.run(fun, arg)).return
}

test('active lists the mounts of this host', async () => {
  expect(get(await result('mount.active'), '/proc')).toMatchObject({ device: 'proc', alt_device: 'proc', fstype: 'proc', opts: expect.arrayContaining(['rw']) as Value })
})

test('active with extended has numbers and what udev knows', async () => {
  const proc = get(await result('mount.active', [true]), '/proc')

  expect(Object.keys(proc as object)).toEqual([
    'mountid', 'parentid', 'major', 'minor', 'root', 'opts', 'fstype', 'device', 'alt_device', 'superopts', 'device_uuid', 'device_label',
  ])
  expect(proc).toMatchObject({ root: '/', fstype: 'proc', device_uuid: null })
})

test('is_mounted, get_mount_from_path and get_device_from_path', async () => {
  expect(await result('mount.is_mounted', ['/proc'])).toBe(true)
  expect(await result('mount.is_mounted', ['/proc/1'])).toBe(false)
  expect(await result('mount.get_mount_from_path', ['/proc/self/status'])).toBe('/proc')
  expect(await result('mount.get_mount_from_path', ['/proc/not/there'])).toBe('/proc')
  expect(await result('mount.get_device_from_path', ['/proc/self'])).toBe('proc')
})

test('fstab reads comments, short lines and two entries for one place', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'brine-mount-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  writeFileSync(join(directory, 'fstab'), '# a comment\nUUID=1 / ext4 rw,noatime 0 1\n/dev/sdb none swap sw\n/dev/sdc none swap sw,pri=1 0 0\nbroken line\n')

  expect(await result('mount.fstab', [join(directory, 'fstab')])).toEqual({
    '/': { device: 'UUID=1', fstype: 'ext4', opts: ['rw', 'noatime'], dump: '0', pass: '1' },
    none: { device: '/dev/sdb', fstype: 'swap', opts: ['sw'], dump: '0', pass: '0' },
    none_: { device: '/dev/sdc', fstype: 'swap', opts: ['sw', 'pri=1'], dump: '0', pass: '0' },
  })
  expect(await result('mount.fstab', [join(directory, 'missing')])).toEqual({})
})

test('swaps is a map of what is in use', async () => {
  const lines = readFileSync('/proc/swaps', 'utf8').trim().split('\n').slice(1)
  const found = Object.entries((await result('mount.swaps')) as Record<string, Record<string, string>>)

  expect(found.map(([name, { type, size }]) => [name, type, size])).toEqual(lines.map((line) => line.split(/\s+/).slice(0, 3)))
})

test('a path belongs to the deepest mount, the later of two', () => {
  const mount = (path: string, device: string) => ({ device, path, type: 'x', options: [] })
  const table = [mount('/', 'root'), mount('/srv', 'a'), mount('/srv', 'b'), mount(String.raw`/srv/with\040blank`, 'c')]

  expect(mountOf('/srv/x', table)?.device).toBe('b')
  expect(mountOf('/srvx', table)?.device).toBe('root')
  expect(mountOf('/srv/with blank/x', table)?.device).toBe('c')
})
