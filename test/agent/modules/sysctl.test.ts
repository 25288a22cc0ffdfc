import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { createHarness } from '../jobs/harness.ts'
import type { Harness } from '../jobs/harness.ts'

let harness: Harness

beforeAll(() => {
  harness = createHarness()
})

afterAll(() => harness.close())

test('get reads a parameter', async () => {
  expect((await harness.run('sysctl.get', ['kernel.ostype'])).return).toBe('Linux')
  expect((await harness.run('sysctl.get', ['kernel/ostype'])).return).not.toBe('Linux')
})

test('get of what is not there has the program’s words and fails', async () => {
  const text = 'sysctl: cannot stat /proc/sys/foo/bar: No such file or directory'

  expect(await harness.run('sysctl.get', ['foo.bar'])).toMatchObject({ return: text, retcode: 1, success: false })
})

test('no name leads out of the parameters', async () => {
  for (const name of ['//.//.etc.hostname', '....', '', '.etc', 'kernel./../x', '\0']) {
    expect(await harness.run('sysctl.get', [name])).toMatchObject({ return: expect.stringContaining('sysctl: cannot stat') as string, success: false })
  }
})

test('show gives them all as texts', async () => {
  const { return: all } = await harness.run('sysctl.show')

  expect(all).toMatchObject({ 'kernel.ostype': 'Linux', 'kernel.osrelease': readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim() })
  expect(Object.keys(all as object).length).toBeGreaterThan(100)
})

test('show of a file gives what it sets', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'brine-sysctl-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'own.conf')
  writeFileSync(file, '# vm.swappiness = 1\n vm.swappiness = 10 \nnet.ipv4.ip_forward=1\nkernel.x = a = b\nnothing\n')

  expect((await harness.run('sysctl.show', [file])).return).toEqual({ 'vm.swappiness': '10', 'net.ipv4.ip_forward': '1', 'kernel.x': 'a = b' })
  expect((await harness.run('sysctl.show', [`${file}.missing`])).return).toEqual([])
})

test('the module is for Linux', async () => {
  const other = createHarness({ grains: { id: 'web1', kernel: 'FreeBSD' } })
  const { return: text } = await other.run('sysctl.get', ['kern.ostype'])
  await other.close()

  expect(text).toContain('The linux_sysctl execution module cannot be loaded: only available on Linux systems.')
})

test('default_config is a file', async () => {
  expect((await harness.run('sysctl.default_config')).return).toMatch(/^\/etc\/sysctl\.(conf|d\/99-salt\.conf)$/)
})
