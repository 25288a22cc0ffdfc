import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ValueObject } from '../../../agent/wire/value.ts'
import { createFileBench, type FileBench } from '../files/bench.ts'
import { createHarness, type Harness } from '../jobs/harness.ts'

let bench: FileBench
let harness: Harness
const refreshed: string[] = []

const hello = (text: string) => `import { defineFunction, defineModule } from 'brine/module'
export default defineModule({ name: 'hello', functions: { say: defineFunction({ doc: 'Says it.', run: () => '${text}' }) } })`

beforeEach(() => {
  bench = createFileBench()
  refreshed.length = 0
  start()
})

afterEach(async () => {
  await harness.close()
  bench.close()
})

function start(options: ValueObject = {}): void {
  harness = createHarness({
    settings: { options: { cachedir: bench.cachedir, ...options } },
    moduleDirs: [extmods('modules')],
    services: {
      files: (signal) => Promise.resolve(bench.client(signal)),
      refreshGrains: async () => void refreshed.push('grains'),
      refreshPillar: async () => refreshed.push('pillar') > 0,
    },
  })
}

const extmods = (kind: string) => join(bench.cachedir, 'extmods', kind)
const kw = (keywords: Record<string, unknown>) => ({ __kwarg__: true, ...keywords })

async function saltutil(name: string, keywords: Record<string, unknown> = {}): Promise<unknown> {
  return (await harness.run(`saltutil.${name}`, [kw(keywords)])).return
}

test('modules are taken, loaded without a restart, and taken again only when they changed', async () => {
  bench.serve('_modules/hello.ts', hello('hello'))
  bench.serve('_modules/tool.sh', `#!/bin/sh
[ "$1" = describe ] && echo '{"name": "tool", "functions": {"f": {"doc": "F."}}}' || echo '{"return": "tool"}'`)
  bench.serve('_modules/README.md', 'not code')
  bench.serve('_modules/lib/_shared.mjs', 'export default 1')
  expect((await harness.run('hello.say')).return).toBe("'hello.say' is not available.")

  expect(await saltutil('sync_modules')).toEqual(['modules.hello', 'modules.lib._shared', 'modules.tool'])
  expect((await harness.run('hello.say')).return).toBe('hello')
  expect((await harness.run('tool.f')).return).toBe('tool')
  expect(readdirSync(extmods('modules')).toSorted()).toEqual(['hello.ts', 'lib', 'tool.sh'])
  expect([statSync(join(extmods('modules'), 'tool.sh')).mode & 0o777, statSync(join(extmods('modules'), 'hello.ts')).mode & 0o777]).toEqual([0o700, 0o600])

  expect(await saltutil('sync_modules')).toEqual([])
  bench.serve('_modules/hello.ts', hello('changed'))
  expect(await saltutil('sync_modules')).toEqual(['modules.hello'])
  expect((await harness.run('hello.say')).return).toBe('changed')
})

test('a name that leads to another kind of code is refused', async () => {
  await harness.close()
  bench.close()
  bench = createFileBench((load, given) => (load['cmd'] === '_file_list' ? ['_modules/../grains/evil.sh', '_modules/a/../../grains/evil.sh'] : given))
  bench.serve('grains/evil.sh', '#!/bin/sh')
  start()

  expect(await saltutil('sync_modules')).toMatch(/of the file server does not stay under its directory/)
  expect(existsSync(extmods('grains'))).toBe(false)
})

test('a Python module and one that does not load are told with the reason, every time', async () => {
  bench.serve('_modules/old_one.py', 'def f(): pass')
  bench.serve('_modules/broken.mjs', 'export default {')

  const broken = expect.stringMatching(/^modules\.broken: does not load: .+/) as string
  const python = 'modules.old_one: not taken, Python code does not run on this minion'
  expect(await saltutil('sync_modules')).toEqual(['modules.broken', python, broken])
  expect(await saltutil('sync_modules')).toEqual([python, broken])
  expect(harness.logs.some(({ level, message }) => level === 'warn' && message.includes('Python'))).toBe(true)
  expect(existsSync(join(extmods('modules'), 'old_one.py'))).toBe(false)
  const listed = (await harness.run('sys.list_modules')).return as string[]
  expect(listed.at(-1)).toMatch(/^broken: does not load: .+/)
  expect((await harness.run('sys.list_functions', ['broken'])).return).toEqual([expect.stringMatching(/^broken: does not load: .+/)])
  expect((await harness.run('sys.list_functions', ['test.ping'])).return).toEqual(['test.ping'])
  expect((await harness.run('broken.f')).return).toMatch(/Possible reasons/)
})

test('what the master no longer has goes, unless clean_dynamic_modules is off', async () => {
  bench.serve('_modules/hello.ts', hello('hello'))
  bench.serve('_modules/deep/er/x.js', 'export default 1')
  await saltutil('sync_modules')
  rmSync(join(bench.root, 'base/_modules'), { recursive: true })

  expect(await saltutil('sync_modules')).toEqual([])
  expect(readdirSync(extmods('modules'))).toEqual([])
  expect((await harness.run('hello.say')).return).toBe("'hello.say' is not available.")

  await harness.close()
  start({ clean_dynamic_modules: false })
  writeFileSync(join(extmods('modules'), 'kept.mjs'), 'export default 1')
  await saltutil('sync_modules')
  expect(readdirSync(extmods('modules'))).toEqual(['kept.mjs'])
})

test('environments and names are chosen by argument or option', async () => {
  bench.serve('_modules/one.ts', hello('one'))
  bench.serve('_modules/two.ts', hello('two'))
  bench.serve('_modules/three.ts', hello('three'), 'dev')

  expect(await saltutil('sync_modules', { extmod_whitelist: 'one' })).toEqual(['modules.one'])
  expect(await saltutil('sync_modules', { saltenv: 'base,dev', extmod_blacklist: { modules: ['one'] }, refresh: false })).toEqual(['modules.two', 'modules.three'])
  expect(readdirSync(extmods('modules')).toSorted()).toEqual(['three.ts', 'two.ts'])
  await harness.close()
  start({ extmod_blacklist: { modules: ['one', 'two'] }, saltenv: 'dev' })
  expect(await saltutil('sync_modules')).toEqual([])
  expect(readdirSync(extmods('modules'))).toEqual(['three.ts'])
})

test('sync_all has Salt\'s keys; what does not run here gives nothing', async () => {
  bench.serve('_modules/hello.ts', hello('hello'))
  bench.serve('_grains/rack.mjs', "export default { rack: 'b12' }")
  bench.serve('_returners/spool.ts', 'export default 1')
  bench.serve('_states/thing.py', '')

  const all = (await saltutil('sync_all')) as Record<string, unknown>
  expect(Object.keys(all)).toEqual([
    'clouds', 'beacons', 'modules', 'states', 'sdb', 'grains', 'renderers', 'returners', 'output', 'utils', 'log_handlers', 'executors', 'proxymodules', 'engines', 'thorium',
    'serializers', 'matchers',
  ])
  expect(all).toMatchObject({ modules: ['modules.hello'], grains: ['grains.rack'], returners: ['returners.spool'], states: [] })
  expect(existsSync(join(extmods('grains'), 'rack.mjs'))).toBe(true)
  expect(refreshed).toEqual(['grains', 'pillar'])
  expect(await saltutil('sync_states')).toEqual([])
  expect(await saltutil('sync_pillar')).toBe('ERROR: Pillar modules can only be synced to masterless minions')
})
