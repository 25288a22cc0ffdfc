/**
 * Builds `dist`: one bundle with shared chunks, so that the published command loads few files, and the declarations of what sites import.
 *
 *   npm run build [-- DIRECTORY]
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'
import { packageRoot } from '../agent/entry-points.ts'

/** Files that a process or an import starts from. Whatever calls `entryPoint(name)` needs its name here. */
const PROGRAMS = ['bin/main.mts', 'agent/returner-host/child.ts', 'agent/jobs/job-process-entry.ts']

/** What package.json exports: these need declarations, too. */
const LIBRARIES = ['returners/contract.ts', 'returners/testing.ts', 'agent/modules/contract.ts']

const dist = resolve(process.argv[2] ?? join(packageRoot, 'dist'))

/** The packages that a site installs when it uses them. */
const optional = Object.keys((JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { peerDependencies: Record<string, string> }).peerDependencies)

async function bundle(): Promise<void> {
  await build({
    absWorkingDir: packageRoot,
    entryPoints: [...PROGRAMS, ...LIBRARIES],
    outdir: dist,
    outbase: '.',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22.18',
    chunkNames: 'chunks/[name]-[hash]',
    // Native, with its own files beside it. Drivers of returners are the site's: optional, never ours to bundle.
    external: ['better-sqlite3', ...optional],
    // Bundled CommonJS packages ask for Node's own modules with require.
    banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
    legalComments: 'linked',
    logLevel: 'warning',
  })
}

function declare(): void {
  const tsc = join(packageRoot, 'node_modules', 'typescript', 'bin', 'tsc')
  const options = [
    '--ignoreConfig', '--declaration', '--emitDeclarationOnly', '--outDir', dist, '--rootDir', '.', '--target', 'es2024', '--lib', 'es2024',
    '--module', 'nodenext', '--types', 'node', '--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', '--allowImportingTsExtensions',
    '--rewriteRelativeImportExtensions', '--erasableSyntaxOnly',
  ]
  const done = spawnSync(process.execPath, [tsc, ...options, ...LIBRARIES], { cwd: packageRoot, stdio: 'inherit' })
  if (done.status !== 0) throw new Error('the declarations could not be made; the messages are above')
}

function report(): void {
  const files = readdirSync(dist, { recursive: true, encoding: 'utf8' }).map((name) => join(dist, name))
  const code = files.filter((file) => file.endsWith('.js') && statSync(file).isFile())
  const bytes = code.reduce((sum, file) => sum + statSync(file).size, 0)
  console.log(`built ${code.length} files, ${Math.round(bytes / 1024)} KiB, in ${dist}`)
}

const missing = [...PROGRAMS, ...LIBRARIES].filter((file) => !existsSync(join(packageRoot, file)))
if (missing.length > 0) throw new Error(`no such entry point: ${missing.join(', ')}`)
rmSync(dist, { recursive: true, force: true })
await bundle()
declare()
report()
