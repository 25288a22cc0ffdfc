/** Files, a site's modules and grains from an embedded master to a minion: real processes, as an operator has them. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSite, waitFor, type Site } from '../../scripts/lib/site.ts'

let site: Site
let roots: string

beforeAll(async () => {
  site = await createSite({
    minionIds: ['web1'],
    masterYaml: 'auto_accept: True\nfile_recv: True\nfile_roots: {base: [/srv-is-set-below]}',
    minionYaml: (_id, directory) => `grains_dirs: [${join(directory, 'grains.d')}]`,
  })
  roots = join(site.root, 'srv')
  mkdirSync(join(roots, '_modules'), { recursive: true })
  const config = join(site.master.directory, 'master')
  writeFileSync(config, readFileSync(config, 'utf8').replace('/srv-is-set-below', roots))
  for (const service of [site.master, ...site.minions]) service.start()
  await waitFor('the minion to answer', 60_000, async () => ((await cmd('test.ping')) === true ? true : undefined))
}, 90_000)

afterAll(() => site.close())

/** What `brine cmd` prints for the minion, as JSON. */
async function cmd(...args: string[]): Promise<unknown> {
  const printed = await site.brine(['cmd', '-c', site.master.directory, '--out', 'json', '--static', 'web1', ...args], { anyExit: true })
  return (JSON.parse(printed) as { web1: unknown }).web1
}

test('files go both ways', async () => {
  const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, at) => (at * 13) % 256))
  writeFileSync(join(roots, 'large'), bytes)
  const copy = join(site.root, 'copy')

  expect(await cmd('cp.get_file', 'salt://large', copy)).toBe(copy)
  expect(readFileSync(copy).equals(bytes)).toBe(true)
  expect(await cmd('cp.push', copy, 'upload_path=/back')).toBe(true)
  expect(readFileSync(join(site.master.directory, 'var/cache/brine/master/minions/web1/files/back')).equals(bytes)).toBe(true)
}, 60_000)

test('modules, a program among them, are loaded without a restart', async () => {
  writeFileSync(join(roots, '_modules/tool'), `#!/bin/sh
[ "$1" = describe ] && echo '{"name": "tool", "functions": {"f": {"doc": "F."}}}' || echo '{"return": ["from", "a", "program"]}'`)
  writeFileSync(join(roots, '_modules/old.py'), 'def f(): pass')

  expect(await cmd('saltutil.sync_modules')).toEqual(['modules.tool', 'modules.old: not taken, Python code does not run on this minion'])
  expect(await cmd('tool.f')).toEqual(['from', 'a', 'program'])
}, 60_000)

test('a site\'s grains are targeted by once they were refreshed', async () => {
  const directory = join(site.minions[0]?.directory ?? '', 'grains.d')
  mkdirSync(directory)
  writeFileSync(join(directory, 'rack'), '#!/bin/sh\necho \'{"rack": "b12"}\'\n')
  chmodSync(join(directory, 'rack'), 0o755)

  expect(await cmd('saltutil.refresh_grains')).toBe(true)
  const printed = await site.brine(['cmd', '-c', site.master.directory, '--out', 'json', '--static', '-G', 'rack:b12', 'grains.get', 'rack'])
  expect(JSON.parse(printed)).toEqual({ web1: 'b12' })
}, 60_000)
