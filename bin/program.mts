/** The command line as a parser: the chosen command whole, of the others only what `--help` lists. */
import yargs, { type Argv, type CommandModule } from 'yargs'
import { CliError, EXIT } from '../agent/cli/exit-codes.ts'
import { takeLast } from '../agent/cli/take-last.ts'
import { inWords, unknownOption } from '../agent/cli/unknown-option.ts'
import { COMMANDS } from './commands.mts'

export interface ProgramSettings {
  /** The words behind `brine`. */
  args: readonly string[]
  /** The command to load whole; undefined for none. */
  chosen: string | undefined
  version: string
  /** Of the help, columns. */
  width: number
}

/** The parser. Nothing is read or run before it parses. */
export async function createProgram({ args, chosen, version, width }: ProgramSettings): Promise<Argv> {
  const program = yargs([...args])
    .scriptName('brine')
    // Our own texts are English, whatever the terminal's language.
    .detectLocale(false)
    .usage('$0 <command>\n\nA Salt minion whose returns always arrive.')
    .strict()
    .middleware((given): void => takeLast(given, optionsOf(program).array ?? []), true)
    .demandCommand(1, 'Name a command.')
    .help()
    .alias('help', 'h')
    .version(version)
    .wrap(width)
    .epilogue('`brine <command> --help` tells more about one.')
    .exitProcess(false)
    .fail((message, error: unknown) => {
      // What a command's own check says comes as a text.
      if (error instanceof Error && error.name !== 'YError') throw error
      const known = Object.keys(optionsOf(program).key ?? {})
      const unknown = message.startsWith('Not enough') ? unknownOption(args, known) : undefined
      const { names, usage } = placeOf(program)
      const words = { args, options: known, commands: knownCommands(program), usage, choices: optionsOf(program).choices ?? {} }
      const what = inWords(unknown === undefined ? message : `Unknown argument: ${unknown}`, words)
      throw new CliError(`${what}\nTry: ${['brine', ...names, '--help'].join(' ')}`, EXIT.usage)
    })
  tellExamplesInFull(program)
  program.example('$0 minion -c /etc/brine', 'run the minion').example('$0 outbox status', 'what waits to be delivered')
  for (const { name, summary, load } of COMMANDS) {
    if (name === chosen) program.command((await load()).command as CommandModule)
    else program.command({ command: name, describe: summary, handler() {} })
  }
  return program
}

/** An example beside its explanation is broken where it is longer than half a line, and cannot be copied then: each gets a line of its own. */
function tellExamplesInFull(program: Argv): void {
  const add = program.example.bind(program)
  const inFull = (command: string, what: string): Argv => add(`# ${what}\n${command}`, '')
  Object.assign(program, { example: inFull })
}

interface KnownOptions {
  key?: object
  array?: string[]
  choices?: Record<string, readonly string[]>
}

/** What the parser knows of options by now, names and aliases; its types do not tell of it. */
function optionsOf(program: Argv): KnownOptions {
  const { getOptions } = program as { getOptions?: () => KnownOptions }
  return getOptions?.call(program) ?? {}
}

/** The command that the parser is at: its words, and the form of the whole, `outbox show <return>`. */
function placeOf(program: Argv): { names: readonly string[]; usage: string } {
  const { getInternalMethods } = program as { getInternalMethods?: () => { getContext(): { commands: string[]; fullCommands: string[] } } }
  const { commands = [], fullCommands = [] } = getInternalMethods?.call(program).getContext() ?? {}
  return { names: commands, usage: [...commands.slice(0, -1), ...fullCommands.slice(-1)].join(' ') }
}

/** The commands that may stand where the parser is now: those of `brine`, or those of the chosen one. */
function knownCommands(program: Argv): string[] {
  const { getInternalMethods } = program as { getInternalMethods?: () => { getCommandInstance(): { getCommands(): string[] } } }
  return getInternalMethods?.call(program).getCommandInstance().getCommands() ?? []
}
