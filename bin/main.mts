// The command line: finds the command, loads only that one, and turns failures into one line and an exit code.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { chosenCommand } from '../agent/cli/chosen-command.ts'
import { EXIT } from '../agent/cli/exit-codes.ts'
import { describeFailure, wantsStacks } from '../agent/cli/failure.ts'
import { packageRoot } from '../agent/entry-points.ts'
import { keepYoungHeapSmall } from '../agent/cli/young-heap.ts'
import { COMMANDS } from './commands.mts'
import { createProgram } from './program.mts'

async function main(args: string[]): Promise<void> {
  const chosen = chosenCommand(args, COMMANDS.map((command) => command.name))
  if (chosen === 'minion') keepYoungHeapSmall()
  const program = await createProgram({ args, chosen, version: versionOf(), width: Math.min(100, process.stdout.columns ?? 80) })
  await program.parseAsync()
}

function versionOf(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'))
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : 'unknown'
}

function report(error: unknown): void {
  const { text, exitCode, isOurs } = describeFailure(error)
  const showStack = isOurs || wantsStacks(process.argv)
  process.stderr.write(`brine: ${showStack && error instanceof Error ? (error.stack ?? text) : text}\n`)
  process.exitCode = exitCode
}

// `brine outbox list | head` closes the pipe early: no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok)
  throw error
})

await main(process.argv.slice(2)).catch(report)
