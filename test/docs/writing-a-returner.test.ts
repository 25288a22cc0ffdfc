/** Every code block of docs/writing-a-returner.md, extracted and run. */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import ts from 'typescript'
import { parse } from 'yaml'
import { packageRoot } from '../../agent/entry-points.ts'
import { startHttpSink } from '../helpers/http-sink.ts'
import { delivery, notAborted, startTestHost, type TestHost } from '../helpers/returner-host.ts'

const page = readFileSync(join(packageRoot, 'docs', 'writing-a-returner.md'), 'utf8')
/** Path in the page → code. */
const blocks = new Map([...page.matchAll(/^```(?<language>\w+) (?<path>\/\S+)\n(?<code>[^]*?)^```$/gm)].map(({ groups }) => [groups?.['path'] ?? '', groups?.['code'] ?? '']))

const root = mkdtempSync(join(tmpdir(), 'brine-docs-'))
for (const [path, code] of blocks) {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), code, { mode: path.includes('/bin/') ? 0o755 : 0o644 })
}
const returners = join(root, 'etc', 'brine', 'returners')
// Where a site would have installed Vitest.
symlinkSync(join(packageRoot, 'node_modules'), join(returners, 'node_modules'))

afterAll(() => {
  rmSync(root, { recursive: true })
})

test('every block has a path and is run by a test below', () => {
  expect([...page.matchAll(/^```\w+.*$/gm)]).toHaveLength(blocks.size)
  expect([...blocks.keys()]).toEqual([
    '/etc/brine/returners/spool_dir.ts',
    '/etc/brine/minion.d/returners.conf',
    '/etc/brine/returners/team_log.ts',
    '/etc/brine/returners/spool_dir.test.ts',
    '/etc/brine/minion.d/exec.conf',
    '/usr/local/bin/store-return',
    '/usr/local/bin/store-return-python',
    '/etc/brine/minion.d/exec-long-lived.conf',
    '/usr/local/bin/store-batches',
    '/usr/local/bin/store-batches-shell',
  ])
})

test('the TypeScript of the page has the types it claims', () => {
  const settings = ts.readConfigFile(join(packageRoot, 'tsconfig.json'), (path) => ts.sys.readFile(path)).config as { compilerOptions: object }
  // A site's directory has no package.json that says "module".
  const asModules = { module: 'esnext', moduleResolution: 'bundler', typeRoots: [join(packageRoot, 'node_modules', '@types')] }
  const { options } = ts.convertCompilerOptionsFromJson({ ...settings.compilerOptions, ...asModules }, packageRoot)
  const files = [...blocks.keys()].filter((path) => path.endsWith('.ts')).map((path) => join(root, path))

  const diagnostics = ts.getPreEmitDiagnostics(ts.createProgram(files, options))

  expect(diagnostics.map((one) => ts.flattenDiagnosticMessageText(one.messageText, '\n'))).toEqual([])
})

/** A block of YAML with the paths of the page moved under `root`. */
function config(path: string): Record<string, unknown> {
  const moved = (blocks.get(path) ?? '').replaceAll(/(?<= |\[)\/(?=usr|var)/g, `${root}/`)
  return parse(moved) as Record<string, unknown>
}

async function withHost(raw: Record<string, unknown>, body: (host: TestHost) => Promise<void>): Promise<void> {
  const host = await startTestHost([], () => raw)
  for (const name of ['spool_dir.ts', 'team_log.ts']) copyFileSync(join(returners, name), join(host.directory, 'returners', name))
  try {
    const listed = await host.host.refresh()
    expect(listed.filter((one) => one.state === 'failed')).toEqual([])
    await body(host)
  } finally {
    await host.close()
  }
}

/** What lies in the spool directory, emptied. */
function takeSpool(): unknown[] {
  const spool = join(root, 'var', 'spool', 'returns')
  const names = readdirSync(spool)
  const stored = names.map((name) => JSON.parse(readFileSync(join(spool, name), 'utf8')) as unknown)
  rmSync(spool, { recursive: true })
  mkdirSync(spool)
  return stored
}

test('the first returner stores through the host, with the configuration of the page', async () => {
  await withHost(config('/etc/brine/minion.d/returners.conf'), async ({ destination }) => {
    const spool = await destination('spool_dir')
    expect(await spool.send([delivery(1)], notAborted)).toEqual({ kind: 'operator', error: `${root}/var/spool/returns does not exist` })

    mkdirSync(join(root, 'var', 'spool', 'returns'), { recursive: true })
    expect(await spool.send([delivery(1), delivery(2)], notAborted)).toEqual({ kind: 'delivered' })
    expect(await spool.send([delivery(1)], notAborted)).toEqual({ kind: 'delivered' })

    expect(takeSpool()).toHaveLength(2)
  })
})

test('the second one tells failures apart', async () => {
  const answers: [number, Record<string, string>][] = [[204, {}], [422, {}], [401, {}], [503, { 'retry-after': '2' }], [500, {}]]
  const sink = await startHttpSink((_request, reply) => void reply.writeHead(...(answers.shift() ?? [200, {}])).end())
  try {
    await withHost({ team_log: { url: sink.url, token: 't0ken' } }, async ({ destination }) => {
      const log = await destination('team_log')
      const kinds: unknown[] = []
      for (let attempt = 0; attempt < 5; attempt += 1) kinds.push(await log.send([delivery(1)], notAborted))

      expect(kinds).toMatchObject([
        { kind: 'delivered' }, { kind: 'permanent' }, { kind: 'operator' }, { kind: 'retry', afterMs: 2000 }, { kind: 'retry', error: "the team's log answered 500" },
      ])
      expect(sink.requests[0]?.headers).toMatchObject({ authorization: 'Bearer t0ken', 'idempotency-key': '20250101000000000001%2Fminion%2Fteam_log' })
    })
  } finally {
    await sink.close()
  }
})

describe('the test of the page', async () => {
  // It registers its tests here, as it would in a run of its own.
  await import(join(returners, 'spool_dir.test.ts'))
})

test.each(['/usr/local/bin/store-return', '/usr/local/bin/store-return-python'])('the program %s', async (program) => {
  mkdirSync(join(root, 'var', 'spool', 'returns'), { recursive: true })
  takeSpool()
  const raw = config('/etc/brine/minion.d/exec.conf')
  const options = raw['exec'] as { command: string[] }
  expect(basename(options.command[0] ?? '')).toBe('store-return')
  options.command = [join(root, program)]

  await withHost(raw, async ({ destination }) => {
    const exec = await destination('exec')
    expect(await exec.send([delivery(1, 'ż')], notAborted)).toEqual({ kind: 'delivered' })
    expect(await exec.send([delivery(1, 'ż')], notAborted)).toEqual({ kind: 'delivered' })
    expect(takeSpool()).toMatchObject([{ jid: '20250101000000000001', return: 'ż' }])

    rmSync(join(root, 'var', 'spool', 'returns'), { recursive: true })
    expect(await exec.send([delivery(1)], notAborted)).toMatchObject({ kind: 'retry', error: expect.stringMatching(/exit code 75/) })
  })
})

test.each(['/usr/local/bin/store-batches', '/usr/local/bin/store-batches-shell'])('the long-lived program %s', async (program) => {
  mkdirSync(join(root, 'var', 'spool', 'returns'), { recursive: true })
  takeSpool()
  const raw = config('/etc/brine/minion.d/exec-long-lived.conf')
  const options = raw['exec'] as { command: string[] }
  options.command = [join(root, program)]

  await withHost(raw, async ({ destination }) => {
    const exec = await destination('exec')
    for (let attempt = 0; attempt < 2; attempt += 1) {
      expect(await exec.send([delivery(1, 'ż'), delivery(2)], notAborted)).toEqual({ kind: 'delivered' })
    }
    const stored = takeSpool() as { items?: { ret: unknown }[] }[]
    const returns = stored.flatMap((one) => one.items?.map(({ ret }) => ret) ?? [one]) as { jid: string }[]
    expect(returns.toSorted((one, other) => (one.jid < other.jid ? -1 : 1))).toMatchObject([{ return: 'ż' }, { return: 2 }])

    rmSync(join(root, 'var', 'spool', 'returns'), { recursive: true })
    const kind = program.endsWith('shell') ? 'retry' : 'operator'
    expect(await exec.send([delivery(1)], notAborted)).toMatchObject({ kind, error: expect.stringMatching(/\.part|cannot be written/) })
  })
})
