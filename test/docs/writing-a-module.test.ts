/** Every code block of docs/writing-a-module.md, extracted and run. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import ts from 'typescript'
import { parse } from 'yaml'
import { systemClock } from '../../agent/clock.ts'
import { packageRoot } from '../../agent/entry-points.ts'
import { createSiteGrains } from '../../agent/jobs/site-grains.ts'
import { createHarness, type Harness } from '../agent/jobs/harness.ts'

const page = readFileSync(join(packageRoot, 'docs', 'writing-a-module.md'), 'utf8')
/** Path in the page → code. */
const blocks = new Map([...page.matchAll(/^```(?<language>\w+) (?<path>\/\S+)\n(?<code>[^]*?)^```$/gm)].map(({ groups }) => [groups?.['path'] ?? '', groups?.['code'] ?? '']))

const root = mkdtempSync(join(tmpdir(), 'brine-docs-'))
let harness: Harness

beforeAll(() => {
  for (const [path, code] of blocks) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), code, { mode: /\.\w+$/.test(path) ? 0o644 : 0o755 })
  }
  const file = join(root, 'racks.json')
  writeFileSync(file, '{"b12": [1, 2, 40]}')
  harness = createHarness({ moduleDirs: [join(root, 'etc/brine/modules')], settings: { options: { racks: { file }, 'racks.file': file } } })
})

afterAll(async () => {
  await harness.close()
  rmSync(root, { recursive: true })
})

const kw = (keywords: Record<string, unknown>) => ({ __kwarg__: true, ...keywords })

test('every block has a path, but for the one that shows a result', () => {
  expect([...page.matchAll(/^```\w+.*$/gm)]).toHaveLength(blocks.size + 1)
  expect([...blocks.keys()]).toEqual(['/etc/brine/modules/racks.ts', '/etc/brine/modules/disks', '/etc/brine/grains.d/location.ts', '/etc/brine/grains.d/role'])
  const shown = parse(/```yaml\n([^]*?)```/.exec(page)?.[1]?.replaceAll(/- (.*)/g, "- '$1'") ?? '') as { web1: string[] }
  expect(shown.web1).toHaveLength(3)
})

test('the TypeScript of the page has the types it claims', () => {
  const settings = ts.readConfigFile(join(packageRoot, 'tsconfig.json'), (path) => ts.sys.readFile(path)).config as { compilerOptions: object }
  const asModules = { module: 'esnext', moduleResolution: 'bundler', typeRoots: [join(packageRoot, 'node_modules', '@types')] }
  const { options } = ts.convertCompilerOptionsFromJson({ ...settings.compilerOptions, ...asModules, paths: { 'brine/module': [join(packageRoot, 'agent/modules/contract.ts')] } }, packageRoot)
  symlinkSync(join(packageRoot, 'node_modules'), join(root, 'node_modules'))
  const files = [...blocks.keys()].filter((path) => path.endsWith('.ts')).map((path) => join(root, path))

  const diagnostics = ts.getPreEmitDiagnostics(ts.createProgram(files, options))

  expect(diagnostics.map((one) => ts.flattenDiagnosticMessageText(one.messageText, '\n'))).toEqual([])
})

test('the module in one file', async () => {
  expect(await harness.run('racks.units', ['b12'])).toMatchObject({ return: [1, 2, 40] })
  expect(await harness.run('racks.units', ['b12', kw({ free: true, height: 4 })])).toMatchObject({ return: [3, 4] })
  expect(await harness.run('racks.units', ['none'])).toMatchObject({ return: 'ERROR: there is no rack none', success: false })
  expect(await harness.run('racks.uptime')).toMatchObject({ return: expect.stringMatching(/^[0-9.]+ /) })
})

test('the module in Python', async () => {
  expect(await harness.run('disks.free')).toMatchObject({ return: expect.any(Number) as number, success: true })
  expect(await harness.run('disks.free', ['/no/such', kw({ percent: true })])).toMatchObject({ return: 'ERROR: /no/such: No such file or directory', success: false })
  expect(await harness.run('disks.total', [1, 2, 4])).toMatchObject({ return: 7 })
  expect(await harness.run('sys.doc', ['disks.free'])).toMatchObject({ return: { 'disks.free': 'Returns the free bytes of a file system.' } })
})

test('the grains', async () => {
  const site = createSiteGrains({
    directories: [join(root, 'etc/brine/grains.d')], minionId: 'web1', options: {}, runner: harness.runner, environment: { PATH: process.env['PATH'] ?? '', ROLE: 'web' },
    clock: systemClock, log: { trace() {}, debug() {}, info() {}, warn() {}, error() {}, child() { return this } }, deadlineMs: 30_000,
  })

  expect(await site.collect({ id: 'fra-b12' }, new AbortController().signal)).toEqual({ site: 'fra', rack: 'b12', role: 'web', tags: ['blue', 'edge'] })
  expect(site.failures()).toEqual([])
})
