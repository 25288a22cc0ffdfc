import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { packageRoot } from '../../agent/entry-points.ts'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'brine-bootstrap-'))
})

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

/** A `node` that says it is another version: every program it starts sees that one, and nothing else about it changes. */
function oldNode(version: string): string {
  const bin = join(directory, 'old-bin')
  mkdirSync(bin)
  const preload = join(directory, 'old-version.cjs')
  writeFileSync(
    preload,
    `Object.defineProperty(process.versions, 'node', { value: '${version}' }); Object.defineProperty(process, 'version', { value: 'v${version}' })\n`,
  )
  // Only this launcher pretends, not the programs that its program starts by their own paths.
  writeFileSync(join(bin, 'node'), `#!/bin/sh\nexec '${process.execPath}' --require '${preload}' "$@"\n`)
  chmodSync(join(bin, 'node'), 0o755)
  return bin
}

function environment(bin: string): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _options, ...rest } = process.env
  return { ...rest, PATH: `${bin}:/usr/bin:/bin` }
}

/** A checkout of its own with the same node_modules. */
function checkout(): string {
  const root = join(directory, 'checkout')
  mkdirSync(join(root, 'scripts'), { recursive: true })
  cpSync(join(packageRoot, 'package.json'), join(root, 'package.json'))
  cpSync(join(packageRoot, 'package-lock.json'), join(root, 'package-lock.json'), { preserveTimestamps: true })
  cpSync(join(packageRoot, 'scripts', 'bootstrap.cjs'), join(root, 'scripts', 'bootstrap.cjs'))
  symlinkSync(join(packageRoot, 'node_modules'), join(root, 'node_modules'))
  return root
}

describe('the bootstrap', () => {
  test('starts a script on the pinned Node though an older one is first in PATH', () => {
    const root = checkout()
    const script = 'const version: string = process.versions.node\nconsole.log(JSON.stringify({ version, argv: process.argv.slice(2) }))\n'
    writeFileSync(join(root, 'scripts', 'tell.ts'), script)

    const done = spawnSync('node', ['scripts/bootstrap.cjs', 'scripts/tell.ts', 'a b'], { cwd: root, env: environment(oldNode('20.19.0')), encoding: 'utf8' })

    expect(done.stderr).toBe('')
    expect(JSON.parse(done.stdout)).toEqual({ version: expect.stringMatching(/^24\./), argv: ['a b'] })
  })

  test('starts a tool, and what it starts by name, on the pinned Node, and hands on its exit code', () => {
    const root = checkout()

    const done = spawnSync('node', ['scripts/bootstrap.cjs', 'vitest', '--version'], { cwd: root, env: environment(oldNode('20.19.0')), encoding: 'utf8' })
    const failed = spawnSync('node', ['scripts/bootstrap.cjs', 'tsc', '--bogus'], { cwd: root, env: environment(join(directory, 'old-bin')), encoding: 'utf8' })

    expect(done.stdout).toMatch(/^vitest\/\S+ \S+ node-v24\./)
    expect(failed.status).toBe(1)
  })

  test('refuses a Node that cannot even install, in one line', () => {
    const done = spawnSync('node', ['scripts/bootstrap.cjs', 'vitest'], { cwd: checkout(), env: environment(oldNode('18.20.0')), encoding: 'utf8' })

    expect(done.status).toBe(1)
    expect(done.stderr).toMatch(/^bootstrap: Node 20 or newer is needed[^\n]*v18\.20\.0\n$/)
  })
})

describe('bin/brine', () => {
  const brine = join(packageRoot, 'bin', 'brine')

  test.each(['20.19.0', '22.17.1', '18.0.0'])('on Node %s says in one line what is needed', (version) => {
    const done = spawnSync(brine, ['--version'], { env: environment(oldNode(version)), encoding: 'utf8' })

    expect(done.status).toBe(69)
    expect(done.stdout).toBe('')
    expect(done.stderr).toMatch(new RegExp(`^brine: Node 22\\.18 or newer is needed, this is v${version} [^\\n]*\\n$`))
  })

  test("on the machine's own older Node, where it has one, says the same", () => {
    const own = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => existsSync(path)) ?? process.execPath
    const [major = 0, minor = 0] = spawnSync(own, ['-p', 'process.versions.node'], { encoding: 'utf8' }).stdout.split('.').map(Number)

    const done = spawnSync(own, [brine, '--version'], { encoding: 'utf8' })

    expect(done.status).toBe(major < 22 || (major === 22 && minor < 18) ? 69 : 0)
  })

  test('works through a link, as npm and packages install it', () => {
    symlinkSync(brine, join(directory, 'brine'))

    const done = spawnSync(process.execPath, [join(directory, 'brine'), '--version'], { encoding: 'utf8' })

    expect(done).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
  })
})
