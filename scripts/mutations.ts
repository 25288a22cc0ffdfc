/**
 * Proves the proofs: breaks each protection of docs/durability.md once, in a copy of the tree, and expects its test to turn red.
 *
 *   npm run mutations                 all of them
 *   npm run mutations -- 13 21        only those of these lines
 *
 * The list is test/durability/mutations-*.json; docs/durability.md shows the same rows as a table (checked by a test).
 */
import { spawnSync } from 'node:child_process'
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

/** Runs the mutation's test in the copy. */
function runTest(copy: string, mutation: Mutation): { green: boolean; output: string } {
  const vitest = join(packageRoot, 'node_modules', 'vitest', 'vitest.mjs')
  const args = [vitest, 'run', mutation.test, '-t', mutation.name, '--passWithNoTests=false']
  const done = spawnSync(process.execPath, args, { cwd: copy, encoding: 'utf8', timeout: 180_000 })
  const output = done.stdout + done.stderr
  // A pattern that matches nothing skips every test and would look green: that is a broken row, not a proof.
  if (!/Tests\s.*\d+ (passed|failed)/.test(output)) throw new Error(`no test ran for ${mutation.test} -t "${mutation.name}":\n${output}`)
  return { green: done.status === 0, output }
}

/** Applies one mutation, runs its test, undoes it. Returns what is wrong with the row, or null. */
function prove(copy: string, mutation: Mutation): string | null {
  const file = join(copy, mutation.file)
  const original = readFileSync(file, 'utf8')
  if (original.split(mutation.find).length !== 2) return `"${mutation.find}" must occur exactly once in ${mutation.file}`
  const before = runTest(copy, mutation)
  if (!before.green) return `the test is red without the mutation:\n${before.output}`
  try {
    writeFileSync(file, original.replace(mutation.find, () => mutation.replace))
    return runTest(copy, mutation).green ? 'the test stays green although the protection is gone' : null
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
    const problem = prove(copy, mutation)
    if (problem !== null) failures += 1
    console.log(`${problem === null ? 'red as it must be' : 'NOT PROVEN      '}  ${mutation.law.padStart(3)}  ${mutation.test}: ${mutation.name}`)
    if (problem !== null) console.log(problem.replace(/^/gm, '    '))
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}
console.log(`mutations: ${mutations.length - failures} of ${mutations.length} turn their test red`)
process.exitCode = failures === 0 ? 0 : 1
