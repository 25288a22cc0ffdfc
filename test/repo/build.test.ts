import { execFile, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packageRoot } from '../../agent/entry-points.ts'

const execute = promisify(execFile)

let installed: string

/** What an installation holds: the manifest, the launcher and the build, with the declared dependencies beside it. */
beforeAll(() => {
  installed = mkdtempSync(join(tmpdir(), 'brine-build-'))
  const built = run([join(packageRoot, 'scripts', 'build.ts'), join(installed, 'dist')])
  expect(built.stderr).toBe('')
  cpSync(join(packageRoot, 'package.json'), join(installed, 'package.json'))
  cpSync(join(packageRoot, 'bin', 'brine'), join(installed, 'bin', 'brine'))
  cpSync(join(packageRoot, 'bin', 'package.json'), join(installed, 'bin', 'package.json'))
  mkdirSync(join(installed, 'node_modules'))
  for (const name of ['better-sqlite3', 'zod']) symlinkSync(join(packageRoot, 'node_modules', name), join(installed, 'node_modules', name))
}, 60_000)

afterAll(() => {
  rmSync(installed, { recursive: true, force: true })
})

function run(args: string[], cwd = packageRoot) {
  return spawnSync(process.execPath, args, { cwd, encoding: 'utf8' })
}

/** A site's returner; only a number can count. */
function siteReturner(count: string): string {
  return `
    import { defineReturner, z, type ReturnItem } from 'brine/returner'
    import { defineModule } from 'brine/module'
    export default defineReturner({
      name: 'mine', summary: 'Counts', options: z.object({ host: z.string() }), delivery: 'upsert',
      open: ({ host }) => ({ async returner(items: ReturnItem[]) { const count: ${count} = items.length; void [count, host] }, async close() {} }),
    })
    export { defineModule }
  `
}

describe('the build', () => {
  test('runs as the command, with only the native dependency beside it', () => {
    const version = run([join(installed, 'bin', 'brine'), '--version'])
    const help = run([join(installed, 'bin', 'brine'), 'outbox', '--help'])

    expect(version).toMatchObject({ status: 0, stderr: '', stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
    expect(help).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining('brine outbox retry') })
  })

  test('has every command', async () => {
    const names = ['minion', 'status', 'outbox', 'config', 'master', 'key', 'cmd', 'jobs']

    const helps = await Promise.all(names.map((name) => execute(process.execPath, [join(installed, 'bin', 'brine'), name, '--help'])))

    expect(helps.map(({ stdout, stderr }) => (/^brine \w+/.exec(stdout)?.[0] ?? stdout) + stderr)).toEqual(names.map((name) => `brine ${name}`))
  })

  test('finds its built-in returners', () => {
    const root = join(installed, 'root')
    mkdirSync(join(root, 'etc', 'brine'), { recursive: true })
    writeFileSync(join(root, 'etc', 'brine', 'minion'), 'sqlite3: {database: /x}\nrawfile_json: {filename: /y}\n')

    expect(run([join(installed, 'bin', 'brine'), 'config', 'check', '--strict', '--root-dir', root])).toMatchObject({
      status: 0,
      stdout: 'the configuration is good\n',
    })
  })

  test('leaves ZeroMQ to the site, and names the command that brings it', () => {
    const root = join(installed, 'zeromq')
    mkdirSync(join(root, 'etc', 'brine'), { recursive: true })
    writeFileSync(join(root, 'etc', 'brine', 'minion'), 'transport: zeromq\n')
    const check = () => run([join(installed, 'bin', 'brine'), 'config', 'check', '--root-dir', root])

    const missing = check()
    symlinkSync(join(packageRoot, 'node_modules', 'zeromq'), join(installed, 'node_modules', 'zeromq'))
    const there = check()
    rmSync(join(installed, 'node_modules', 'zeromq'))

    expect(missing.status).not.toBe(0)
    expect(missing.stdout + missing.stderr).toContain(`needs the package "zeromq", which is not installed: npm install --prefix ${installed} --no-save --omit=dev zeromq@6`)
    expect(there).toMatchObject({ status: 0 })
  })

  test('gives a site everything to write a returner and a module, with types', () => {
    const site = join(installed, 'site')
    mkdirSync(join(site, 'node_modules'), { recursive: true })
    symlinkSync(installed, join(site, 'node_modules', 'brine'))
    writeFileSync(join(site, 'good.ts'), siteReturner('number'))
    writeFileSync(join(site, 'bad.ts'), siteReturner('string'))
    const tsc = join(packageRoot, 'node_modules', 'typescript', 'bin', 'tsc')
    const options = ['--noEmit', '--ignoreConfig', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2024', '--strict', '--types', 'node', '--typeRoots', join(packageRoot, 'node_modules', '@types')]

    // One run for both, since the compiler is slow to start: the good one is silent in it.
    const checked = run([tsc, ...options, 'good.ts', 'bad.ts'], site)
    expect(checked.stdout.trimEnd().split('\n')).toEqual([expect.stringMatching(/^bad\.ts.*not assignable to type 'string'/)])
    expect(run(['--input-type=module', '-e', "import mine, { defineModule } from './good.ts'; console.log(mine.name, typeof defineModule)"], site)).toMatchObject({
      status: 0,
      stdout: 'mine function\n',
    })
  }, 120_000)
})
