import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { writeNewReturner } from '../../../agent/cli/returner-new.ts'
import { packageRoot } from '../../../agent/entry-points.ts'
import { delivery, notAborted, startTestHost } from '../../helpers/returner-host.ts'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'brine-new-'))
})

afterEach(() => {
  rmSync(directory, { recursive: true })
})

/** Runs a tool of ours in the directory, where a site would have installed it. */
function run(tool: string, ...args: string[]): { status: number | null; output: string } {
  const path = join(packageRoot, 'node_modules', tool)
  const done = spawnSync(process.execPath, [path, ...args], { cwd: directory, encoding: 'utf8', env: { PATH: process.env['PATH'], NO_COLOR: '1' } })
  return { status: done.status, output: `${done.stdout}${done.stderr}` }
}

test('a new returner passes its tests and the compiler as it was written', () => {
  const written = writeNewReturner('my_cmdb', directory)
  expect(written.map((path) => path.slice(directory.length + 1)).toSorted()).toEqual([
    'my_cmdb.md', 'my_cmdb.test.ts', 'my_cmdb.ts', 'package.json', 'tsconfig.json', 'vitest.config.ts',
  ])
  symlinkSync(join(packageRoot, 'node_modules'), join(directory, 'node_modules'))

  const tests = run('vitest/vitest.mjs', 'run', '--reporter=verbose')
  expect(tests).toMatchObject({ status: 0, output: expect.stringMatching(/operator: the directory is not there[^]*Tests {2}\d\d passed/) })
  expect(run('typescript/bin/tsc', '--noEmit', '-p', '.')).toEqual({ status: 0, output: '' })
}, 60_000)

test('a new returner runs as it is, and what becomes of it is told', async () => {
  const host = await startTestHost([], (home) => ({ my_cmdb: { directory: join(home, 'spool') } }))
  try {
    writeNewReturner('my_cmdb', join(host.directory, 'returners'))
    await host.host.refresh()
    const mine = await host.destination('my_cmdb')
    expect(await mine.send([delivery(1)], notAborted)).toMatchObject({ kind: 'operator', error: expect.stringContaining('ENOENT') })
    expect(host.host.list().find(({ name }) => name === 'my_cmdb')).toMatchObject({ state: 'loaded', delivery: 'upsert' })
    expect(host.host.list().some(({ name }) => name === 'vitest.config' || name === 'vitest')).toBe(false)
  } finally {
    await host.close()
  }
})

test('what is there is left alone', () => {
  writeFileSync(join(directory, 'package.json'), '{"mine": true}')
  writeNewReturner('one', directory)
  writeNewReturner('two', directory)

  expect(readFileSync(join(directory, 'package.json'), 'utf8')).toBe('{"mine": true}')
  expect(existsSync(join(directory, 'two.test.ts'))).toBe(true)
  expect(() => writeNewReturner('one', directory)).toThrow(/one\.ts, .*one\.test\.ts, .*one\.md is there already and is left alone/)
  expect(() => writeNewReturner('Bad-Name', directory)).toThrow(/cannot be a returner's name/)
})
