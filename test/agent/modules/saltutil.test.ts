import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { createFileBench, type FileBench } from '../files/bench.ts'
import { createHarness, type Harness } from '../jobs/harness.ts'

let bench: FileBench | undefined
let harness: Harness | undefined

afterEach(async () => {
  await harness?.close()
  bench?.close()
})

test('clear_cache removes the files of the cache, and nothing that only a link leads to, nor the store', async () => {
  const made = (bench = createFileBench())
  const outside = join(made.root, 'outside')
  mkdirSync(join(made.cachedir, 'files/base/a'), { recursive: true })
  for (const name of ['store', 'returners', 'pki']) mkdirSync(join(made.cachedir, name))
  mkdirSync(outside)
  const kept = ['cache/store/outbox.db', 'cache/returners/spool', 'cache/pki/minion.pem', 'outside/kept']
  for (const path of ['cache/files/base/a/b', ...kept]) writeFileSync(join(made.root, path), 'x')
  symlinkSync(outside, join(made.cachedir, 'link'))
  harness = createHarness({ settings: { options: { cachedir: made.cachedir, outbox: { dir: `${made.cachedir}/./store/` }, pki_dir: join(made.cachedir, 'pki') } } })

  expect((await harness.run('saltutil.clear_cache')).return).toBe(true)

  expect(['cache/files/base/a/b', 'cache/link', ...kept].map((path) => existsSync(join(made.root, path)))).toEqual([false, false, true, true, true, true])
  expect((await harness.run('saltutil.clear_cache')).return).toBe(true)
})

test('clear_job_cache lets the store forget what is older than some hours', async () => {
  harness = createHarness()

  expect((await harness.run('saltutil.clear_job_cache')).return).toBe(true)
  expect((await harness.run('saltutil.clear_job_cache', [{ __kwarg__: true, hours: 0.5 }])).return).toBe(true)
  expect(harness.events.filter((event) => event.startsWith('forget'))).toEqual(['forget 86400000', 'forget 1800000'])
})

test('regen_keys asks the agent for a new key and returns None', async () => {
  let asked = 0
  harness = createHarness({ services: { newKeys: async () => void (asked += 1) } })

  expect(await harness.run('saltutil.regen_keys')).toMatchObject({ return: null, success: true })
  expect(asked).toBe(1)
})
