/**
 * Checks everything that a change must pass: lint, types, dead exports, build, tests. Goes on after a failure and says at the end
 * what failed.
 *
 *   npm run check
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { packageRoot } from '../agent/entry-points.ts'

const STEPS: readonly { name: string; command: string; args: string[] }[] = [
  { name: 'lint', command: tool('oxlint'), args: ['--type-aware', '--deny-warnings'] },
  { name: 'types', command: tool('tsc'), args: ['--noEmit'] },
  { name: 'dead code', command: tool('knip'), args: [] },
  { name: 'build', command: process.execPath, args: [join(packageRoot, 'scripts', 'build.ts')] },
  { name: 'tests', command: tool('vitest'), args: ['run'] },
]

function tool(name: string): string {
  return join(packageRoot, 'node_modules', '.bin', name)
}

const results = STEPS.map(({ name, command, args }) => {
  console.log(`\n── ${name}`)
  const start = performance.now()
  const { status } = spawnSync(command, args, { cwd: packageRoot, stdio: 'inherit' })
  return { name, passed: status === 0, seconds: (performance.now() - start) / 1000 }
})

console.log('')
for (const { name, passed, seconds } of results) console.log(`${passed ? 'passed' : 'FAILED'}  ${name} (${seconds.toFixed(1)} s)`)
process.exitCode = results.every((result) => result.passed) ? 0 : 1
