import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { minionSchema } from '../../config/schema.ts'
import { isSaltOnly } from '../../config/salt-options.ts'
import { packageRoot } from '../../agent/entry-points.ts'
import { builtInReturners } from '../../returners/registry.ts'
import { readFiles } from './source.ts'

const manifest = z
  .object({
    scripts: z.record(z.string(), z.string()),
    dependencies: z.record(z.string(), z.string()),
    devDependencies: z.record(z.string(), z.string()),
    exports: z.record(z.string(), z.union([z.string(), z.record(z.string(), z.string())])),
    engines: z.object({ node: z.string() }),
  })
  .parse(JSON.parse(read('package.json')))

function read(path: string): string {
  return readFileSync(join(packageRoot, path), 'utf8')
}

describe('package.json', () => {
  test.each(['demo', 'test', 'check', 'build', 'bench', 'lint', 'types'])('has the script %s, started through the bootstrap', (name) => {
    const [node, bootstrap, target] = manifest.scripts[name]?.split(' ') ?? []

    expect([node, bootstrap]).toEqual(['node', 'scripts/bootstrap.cjs'])
    const program = target?.endsWith('.ts') === true ? target : `node_modules/.bin/${target}`
    expect(existsSync(join(packageRoot, program)), program).toBe(true)
  })

  test('every dependency has one exact version', () => {
    const loose = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).filter(([, version]) => !/^~?\d+\.\d+\.\d+$/.test(version))

    expect(loose).toEqual([])
  })

  test('what is exported is what the build makes', () => {
    const build = read('scripts/build.ts')
    const targets = Object.values(manifest.exports).flatMap((target) => (typeof target === 'string' ? [] : [target['default'] ?? '']))

    expect(targets).toHaveLength(3)
    for (const target of targets) expect(build).toContain(`'${target.replace('./dist/', '').replace('.js', '.ts')}'`)
  })

  test('the lockfile names no registry', () => {
    expect(read('package-lock.json').match(/https?:\/\/[^"]*\.tgz/g) ?? []).toEqual([])
    expect(existsSync(join(packageRoot, '.npmrc')) && /registry/.test(read('.npmrc'))).toBe(false)
  })

  test('the lockfile is complete, so that a clean install works on every platform', () => {
    const lock = z
      .object({ packages: z.record(z.string(), z.object({ version: z.string().optional(), optionalDependencies: z.record(z.string(), z.string()).optional() })) })
      .parse(JSON.parse(read('package-lock.json')))
    // A registry that lacks a platform's package makes npm leave it out, and `npm ci` then refuses the lockfile everywhere.
    const missing = Object.entries(lock.packages).flatMap(([place, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter((name) => ![`node_modules/${name}`, `${place}/node_modules/${name}`].some((key) => lock.packages[key]?.version !== undefined)),
    )

    expect(missing).toEqual([])
  })

  test('the Node that bin/brine wants is the one that package.json declares', () => {
    expect(manifest.engines.node).toBe('>=22.18')
    expect(read('bin/brine')).toContain('parts[0] < 22 || (parts[0] === 22 && parts[1] < 18)')
  })
})

test('every entry point that the code starts is built', () => {
  const build = read('scripts/build.ts')
  const started = readFiles(['agent', 'master', 'returners'], /\.ts$/).flatMap(({ text }) =>
    [...text.matchAll(/entryPoint\('([^']+)'\)/g)].map(([, name]) => name ?? ''),
  )

  const real = started.filter((name) => existsSync(join(packageRoot, `${name}.ts`)))
  expect(real.length).toBeGreaterThan(1)
  for (const name of real) expect(build).toContain(`'${name}.ts'`)
})

describe('returners', () => {
  const folders = readdirSync(join(packageRoot, 'returners'), { withFileTypes: true }).filter((entry) => entry.isDirectory() && entry.name !== 'lib')

  test.each(folders.map((folder) => folder.name))('%s is complete', (name) => {
    const missing = ['index.ts', 'options.ts', 'README.md', 'sample.yaml'].filter((file) => !existsSync(join(packageRoot, 'returners', name, file)))

    expect(missing).toEqual([])
    // The contract suite of one that needs a server runs beside its other tests on that server.
    expect(['contract', 'servers'].some((room) => existsSync(join(packageRoot, 'test', room, `${name}.test.ts`)))).toBe(true)
  })

  test('the registry has every folder', () => {
    expect(Object.keys(builtInReturners).toSorted()).toEqual(folders.map((folder) => folder.name).toSorted())
  })
})

/** Names of a map option's own options. */
function membersOf(schema: unknown): string[] {
  let at = schema
  while (typeof at === 'object' && at !== null && 'unwrap' in at && typeof at.unwrap === 'function') at = at.unwrap() as unknown
  return at instanceof z.ZodObject ? Object.keys(at.shape) : []
}

describe('options', () => {
  /** Options that nothing reads, each with the reason. */
  const NOT_READ: Readonly<Record<string, string>> = {
    ssl: 'only there to be refused',
    cachedir: 'read by modules through config.get',
  }

  test('every option of the schema is read somewhere, so that none is without effect', () => {
    const text = readFiles(['agent', 'config'], /\.ts$/).filter(({ path }) => path !== 'config/schema.ts').map((file) => file.text).join('\n')
    const names = Object.entries(minionSchema.shape).flatMap(([name, schema]) => {
      const inner = membersOf(schema)
      return inner.length === 0 ? [name] : inner
    })

    expect(names.length).toBeGreaterThan(60)
    expect(names.filter((name) => NOT_READ[name] === undefined && !new RegExp(`\\.${name}\\b|'${name}'`).test(text))).toEqual([])
  })

  test('no option is both in the schema and among those without effect', () => {
    expect(Object.keys(minionSchema.shape).filter(isSaltOnly)).toEqual([])
    expect(isSaltOnly('multiprocessing')).toBe(true)
  })
})
