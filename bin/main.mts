// The command line: finds the command, loads only that one, and turns failures into one line and an exit code.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import yargs, { type Argv, type CommandModule } from 'yargs'
import { CliError, EXIT } from '../agent/cli/exit-codes.ts'
import { describeFailure, wantsStacks } from '../agent/cli/failure.ts'
import { packageRoot } from '../agent/entry-points.ts'
import { chosenCommand } from '../agent/cli/chosen-command.ts'
import { unknownOption } from '../agent/cli/unknown-option.ts'

interface LazyCommand {
  name: string
  summary: string
  // A command's own arguments are its own business.
  load: () => Promise<{ command: unknown }>
}

const COMMANDS: readonly LazyCommand[] = [
  { name: 'minion', summary: 'Run the minion', load: () => import('../agent/cli/minion.ts') },
  { name: 'call', summary: 'Run a function on this host', load: () => import('../agent/cli/call.ts') },
  { name: 'status', summary: 'Show how the running agent is: masters, lanes, jobs', load: () => import('../agent/cli/status.ts') },
  { name: 'outbox', summary: 'Look at and mend the store of returns', load: () => import('../agent/cli/outbox.ts') },
  { name: 'config', summary: 'Check or show the configuration', load: () => import('../agent/cli/config.ts') },
  { name: 'master', summary: 'Run the small master', load: () => import('../master/cli/master.ts') },
  { name: 'key', summary: "Accept, reject and list the minions' keys", load: () => import('../master/cli/key.ts') },
  { name: 'cmd', summary: 'Run a function on minions', load: () => import('../master/cli/cmd.ts') },
  { name: 'jobs', summary: 'Look at jobs and their returns', load: () => import('../master/cli/jobs.ts') },
]

async function main(args: string[]): Promise<void> {
  const chosen = chosenCommand(args, COMMANDS.map((command) => command.name))
  const program = yargs(args)
    .scriptName('brine')
    .usage('$0 <command>\n\nA Salt minion whose returns always arrive.')
    .strict()
    .recommendCommands()
    .demandCommand(1, 'Name a command.')
    .help()
    .alias('help', 'h')
    .version(versionOf())
    .wrap(Math.min(100, process.stdout.columns ?? 80))
    .example('$0 minion -c /etc/brine', 'run the minion')
    .example('$0 outbox status', 'what waits to be delivered')
    .epilogue('`brine <command> --help` tells more about one.')
    .exitProcess(false)
    .fail((message, error: unknown) => {
      // What a command's own check says comes as a text.
      if (error instanceof Error) throw error
      const unknown = message.startsWith('Not enough') ? unknownOption(args, knownOptions(program)) : undefined
      const what = unknown === undefined ? message : `Unknown option: ${unknown}`
      throw new CliError(`${what}\nTry: brine ${chosen === undefined ? '' : `${chosen} `}--help`, EXIT.usage)
    })
  await addCommands(program, chosen)
  await program.parseAsync()
}

/** Every name and alias of an option that the parser knows by now; its types do not tell of it. */
function knownOptions(program: Argv): string[] {
  const { getOptions } = program as { getOptions?: () => { key?: object } }
  return Object.keys(getOptions?.call(program).key ?? {})
}

/** The chosen command whole, of the others only what `--help` lists. */
async function addCommands(program: Argv, chosen: string | undefined): Promise<void> {
  for (const { name, summary, load } of COMMANDS) {
    if (name === chosen) program.command((await load()).command as CommandModule)
    else program.command({ command: name, describe: summary, handler() {} })
  }
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
