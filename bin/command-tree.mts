/** The whole command line as data: what the page of commands and the completion scripts are made from. */
import yargs, { type CommandModule } from 'yargs'
import { type LazyCommand, COMMANDS } from './commands.mts'
import { createProgram } from './program.mts'

export interface OptionNode {
  /** All its spellings with dashes, the shortest first. */
  spellings: readonly string[]
  description: string
  /** Whether a value follows. */
  takesValue: boolean
  choices: readonly string[]
}

export interface CommandNode {
  /** `['outbox', 'list']`. */
  path: readonly string[]
  /** One line. */
  summary: string
  options: readonly OptionNode[]
  /** The words that may stand at each place behind the command, by name; empty when they cannot be listed. */
  positionals: readonly { name: string; choices: readonly string[] }[]
  /** Commands under this one. */
  commands: readonly CommandNode[]
}

/** Every command there is, with its options. Loads all of them. */
export async function commandTree(): Promise<CommandNode[]> {
  return Promise.all(COMMANDS.map(load))
}

/** One command with all under it; undefined when there is none of that name. */
export async function commandNode(name: string): Promise<CommandNode | undefined> {
  const command = COMMANDS.find((one) => one.name === name)
  return command && load(command)
}

async function load({ name, summary, load: loadModule }: LazyCommand): Promise<CommandNode> {
  return nodeOf((await loadModule()).command as Module, [name], summary)
}

/** The help of a command as `--help` prints it, in columns of a terminal of this width. */
export async function helpOf(path: readonly string[], width: number): Promise<string> {
  const program = await createProgram({ args: [...path], chosen: path[0], version: '', width })
  return new Promise((resolve, reject) => {
    void program.parse([...path, '--help'], {}, (error: Error | null | undefined, _argv: unknown, output: string) => (error ? reject(error) : resolve(output)))
  })
}

type Module = Pick<CommandModule, 'command' | 'describe' | 'builder'>

/** What the parser knows and its types do not tell of. */
interface Internals {
  getOptions(): {
    key: Record<string, unknown>
    alias: Record<string, string[]>
    boolean: string[]
    choices: Record<string, string[]>
    hiddenOptions: string[]
  }
  getInternalMethods(): {
    getCommandInstance(): { handlers: Record<string, { original: string; description: string | false; builder: CommandModule['builder'] }> }
    getUsageInstance(): { getDescriptions(): Record<string, string | undefined> }
  }
}

function nodeOf(module: Module, path: readonly string[], summary: string): CommandNode {
  const parser = yargs([]).version(false).help(false)
  if (typeof module.builder === 'function') void module.builder(parser)
  const internals = parser as unknown as Internals
  const places = placesOf(String(module.command))
  const { choices } = internals.getOptions()
  const inner = Object.entries(internals.getInternalMethods().getCommandInstance().handlers)
  return {
    path,
    summary,
    options: optionsOf(internals, places),
    positionals: places.map((name) => ({ name, choices: choices[name] ?? [] })),
    commands: inner
      .filter(([name, { description }]) => name !== '$0' && description !== false)
      .map(([name, { original, description, builder }]) => nodeOf({ command: original, builder }, [...path, name], String(description))),
  }
}

function optionsOf(internals: Internals, places: readonly string[]): OptionNode[] {
  const { key, alias, boolean, choices, hiddenOptions } = internals.getOptions()
  const descriptions = internals.getInternalMethods().getUsageInstance().getDescriptions()
  const aliases = new Set(Object.values(alias).flat())
  const names = Object.keys(key).filter((name) => !aliases.has(name) && !places.includes(name) && !hiddenOptions.includes(name))
  const options = names.map((name) => ({
    spellings: [name, ...(alias[name] ?? [])].map((one) => (one.length === 1 ? `-${one}` : `--${one}`)).toSorted((one, other) => one.length - other.length),
    description: descriptions[name] ?? '',
    takesValue: !boolean.includes(name),
    choices: choices[name] ?? [],
  }))
  return [...options, { spellings: ['-h', '--help'], description: 'Show help', takesValue: false, choices: [] }]
}

/** `cmd <target> [arguments..]` has the places target and arguments. */
function placesOf(command: string): string[] {
  return [...command.matchAll(/[<[](\w+)(?:\.\.)?[>\]]/g)].map(([, name]) => name ?? '')
}

