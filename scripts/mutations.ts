/**
 * Proves the proofs: breaks each protection of docs/durability.md once, in a copy of the tree, and expects its test to turn red.
 *
 *   npm run mutations                 all of them
 *   npm run mutations -- 13 21        only those of these lines
 *
 * The list is test/durability/mutations-*.json; docs/durability.md shows the same rows as a table (checked by a test).
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packageRoot } from '../agent/entry-points.ts'
import { loadMutations, type Mutation } from '../test/durability/mutations.ts'

/** A copy of the tracked and new files, so that a mutation never touches the checkout. */
function copyTree(): string {
  const copy = mkdtempSync(join(tmpdir(), 'brine-mutations-'))
  const listed = spawnSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: packageRoot, encoding: 'utf8' })
  for (const path of listed.stdout.split('\n').filter((line) => line !== '')) {
    cpSync(join(packageRoot, path), join(copy, path), { recursive: true })
  }
  symlinkSync(join(packageRoot, 'node_modules'), join(copy, 'node_modules'))
  return copy
}

/** A test that takes longer than this hangs, milliseconds. */
const longestMs = 180_000

/** Runs a program in a process group of its own, so that workers in an endless loop end with it. Gives `hung` when it had to be ended. */
async function run(args: string[], cwd: string): Promise<{ code: number | null; output: string; hung: boolean }> {
  const child = spawn(process.execPath, args, { cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let hung = false
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const timer = setTimeout(() => {
    hung = true
    process.kill(-(child.pid ?? 0), 'SIGKILL')
  }, longestMs)
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(timer)
  return { code, output, hung }
}

/** Runs the mutation's test in the copy. A test that hangs is red. */
async function runTest(copy: string, mutation: Mutation): Promise<{ green: boolean; output: string }> {
  const vitest = join(packageRoot, 'node_modules', 'vitest', 'vitest.mjs')
  const { code, output, hung } = await run([vitest, 'run', mutation.test, '-t', mutation.name, '--passWithNoTests=false'], copy)
  if (hung) return { green: false, output: `${output}\nit did not end within ${longestMs / 1000} s` }
  // A mutant that loops may fill the heap before it is called hung.
  if (output.includes('Worker exited unexpectedly')) return { green: false, output }
  // A pattern that matches nothing skips every test and would look green: that is a broken row, not a proof.
  if (!/Tests\s.*\d+ (passed|failed)/.test(output)) throw new Error(`no test ran for ${mutation.test} -t "${mutation.name}":\n${output}`)
  return { green: code === 0, output }
}

/** Applies one mutation, runs its test, undoes it. Returns what is wrong with the row, or null. */
async function prove(copy: string, mutation: Mutation): Promise<string | null> {
  const file = join(copy, mutation.file)
  const original = readFileSync(file, 'utf8')
  if (original.split(mutation.find).length !== 2) return `"${mutation.find}" must occur exactly once in ${mutation.file}`
  const before = await runTest(copy, mutation)
  if (!before.green) return `the test is red without the mutation:\n${before.output}`
  try {
    writeFileSync(file, original.replace(mutation.find, () => mutation.replace))
    return (await runTest(copy, mutation)).green ? 'the test stays green although the protection is gone' : null
  } finally {
    writeFileSync(file, original)
  }
}

const wanted = new Set(process.argv.slice(2))
const mutations = loadMutations().filter((mutation) => wanted.size === 0 || wanted.has(mutation.law))
const copy = copyTree()
let failures = 0
try {
  for (const mutation of mutations) {
    const problem = await prove(copy, mutation)
    if (problem !== null) failures += 1
    console.log(`${problem === null ? 'red as it must be' : 'NOT PROVEN      '}  ${mutation.law.padStart(3)}  ${mutation.test}: ${mutation.name}`)
    if (problem !== null) console.log(problem.replace(/^/gm, '    '))
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}
console.log(`mutations: ${mutations.length - failures} of ${mutations.length} turn their test red`)
process.exitCode = failures === 0 ? 0 : 1
