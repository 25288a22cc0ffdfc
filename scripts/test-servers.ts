/**
 * Tests the returners on real servers that it starts and stops itself, and prints a table of what was proven where.
 *
 *   npm run test:servers [-- [--salt DIR] [--python python3] [--all] VITEST-ARGUMENT…]
 *
 * With --salt, a directory that holds the `salt` package of a source tree, Salt's own returners read what ours wrote, and the other way round.
 * With --all, a server that the machine does not have is a failure.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { packageRoot } from '../agent/entry-points.ts'
import { findProgram, PROGRAMS, type ProgramName } from '../test/servers/lib/programs.ts'

const { values, tokens } = parseArgs({
  options: { salt: { type: 'string' }, python: { type: 'string', default: 'python3' }, all: { type: 'boolean', default: false } },
  strict: false,
  tokens: true,
})
const missing = (Object.keys(PROGRAMS) as ProgramName[]).filter((name) => findProgram(name) === null)
if (values.all === true && missing.length > 0) {
  console.error(`missing: ${missing.join(', ')}; scripts/servers --install gets them`)
  process.exit(1)
}
// Everything that is not ours goes to vitest as it came.
const own = new Set(tokens.flatMap((token) => (token.kind === 'option' && token.name in { salt: 1, python: 1, all: 1 } ? [token.index, ...(token.inlineValue === false ? [token.index + 1] : [])] : [])))
const rest = process.argv.slice(2).filter((_, index) => !own.has(index))
const env = { ...process.env, ...(typeof values.salt === 'string' ? { BRINE_SALT_TREE: values.salt, BRINE_SALT_PYTHON: String(values.python) } : {}) }
const reporters = ['--reporter=default', '--reporter=./test/servers/lib/table-reporter.ts']
const vitest = join(packageRoot, 'node_modules', '.bin', 'vitest')
const { status } = spawnSync(vitest, ['run', '--config', 'test/servers/vitest.config.ts', ...reporters, ...rest], { cwd: packageRoot, stdio: 'inherit', env })
process.exitCode = status ?? 1
