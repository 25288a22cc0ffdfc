/** What may stand at the end of a command line that is being written. */
import { chosenCommand, plainWords } from '../agent/cli/chosen-command.ts'
import { builtInFunctions, destinationNames, hostFunctions, optionNamesOf, returnerNames } from '../agent/cli/completion-values.ts'
import { minionIds } from '../master/cli/minion-ids.ts'
import { type CommandNode, commandNode, type OptionNode } from './command-tree.mts'
import { COMMANDS } from './commands.mts'

export interface Candidate {
  word: string
  /** One line; may be empty. */
  description: string
}

/** Told instead of names of files: the shell knows them better. */
const FILES: Candidate = { word: ':files', description: '' }

/** The candidates for the last word, which may be empty or half written. `words`: those behind `brine`. */
export async function candidates(words: readonly string[]): Promise<Candidate[]> {
  const current = words.at(-1) ?? ''
  const before = words.slice(0, -1)
  const chosen = chosenCommand(before, COMMANDS.map(({ name }) => name))
  const found = chosen === undefined ? topLevel(before) : await inCommand(await commandNode(chosen), chosen, before, current)
  return found.filter(({ word }) => word === FILES.word || word.startsWith(current)).map(({ word, description }) => ({ word, description: oneLine(description) }))
}

function topLevel(before: readonly string[]): Candidate[] {
  if (plainWords(before).length > 0) return []
  const commands = COMMANDS.map(({ name, summary }) => ({ word: name, description: summary }))
  return [...commands, { word: '--help', description: 'Show help' }, { word: '--version', description: 'Show version number' }]
}

async function inCommand(root: CommandNode | undefined, chosen: string, before: readonly string[], current: string): Promise<Candidate[]> {
  if (root === undefined) return []
  const { node, places, open } = walk(root, before.slice(before.indexOf(chosen) + 1))
  if (open !== undefined) return valuesOf(open.spellings, open.choices, { before, current })
  const equals = /^(?<name>--[^=]+)=/.exec(current)?.groups?.['name']
  if (equals !== undefined) {
    const option = node.options.find(({ spellings }) => spellings.includes(equals))
    const values = option === undefined ? [] : await valuesOf(option.spellings, option.choices, { before, current: current.slice(equals.length + 1) })
    return values.map((one) => (one === FILES ? one : { ...one, word: `${equals}=${one.word}` }))
  }
  if (current.startsWith('-')) return node.options.flatMap(spelled)
  const commands = node.commands.map(({ path, summary }) => ({ word: path.at(-1) ?? '', description: summary }))
  // The last place may take any number of words.
  const place = node.positionals[Math.min(places, node.positionals.length - 1)]
  const values = place === undefined ? [] : await valuesOf([`${node.path.join(' ')} ${place.name}`, place.name], place.choices, { before, current })
  return [...commands, ...values, ...(commands.length + values.length === 0 ? node.options.flatMap(spelled) : [])]
}

interface Place {
  node: CommandNode
  /** How many words stand at its places already. */
  places: number
  /** The option whose value comes next. */
  open: OptionNode | undefined
}

function walk(root: CommandNode, words: readonly string[]): Place {
  const at: Place = { node: root, places: 0, open: undefined }
  for (const word of words) {
    if (at.open !== undefined) at.open = undefined
    else if (word.startsWith('-')) at.open = at.node.options.find(({ spellings, takesValue }) => takesValue && spellings.includes(word))
    else {
      const inner = at.places === 0 ? at.node.commands.find(({ path }) => path.at(-1) === word) : undefined
      if (inner === undefined) at.places += 1
      else at.node = inner
    }
  }
  return at
}

/** The long spelling with hyphens, as the help has it first. */
function spelled({ spellings, description }: OptionNode): Candidate[] {
  const long = spellings.filter((one) => one.startsWith('--'))
  const word = long.find((one) => !one.includes('_')) ?? long[0] ?? spellings[0]
  return word === undefined ? [] : [{ word, description }]
}

type Source = (before: readonly string[], current: string) => Promise<readonly string[]>

/** What stands for a name of an option, or of a place, is looked up here. */
const SOURCES: Readonly<Record<string, Source>> = {
  '--destination': destinationNames,
  '--to': destinationNames,
  '--return': returnerNames,
  'returner show name': returnerNames,
  'returner check name': returnerNames,
  'returner test name': returnerNames,
  'config show options': optionNamesOf,
  'cmd target': minionIds,
  'cmd function': builtInFunctions,
  'call function': hostFunctions,
  'key id': minionIds,
}

const FILE_NAMES = new Set(['--config-dir', '--root-dir', '--log-file', '--out-file', 'outbox export file', 'returner types directory'])

interface LineSoFar {
  before: readonly string[]
  /** The word that is being written. */
  current: string
}

async function valuesOf(names: readonly string[], choices: readonly string[], { before, current }: LineSoFar): Promise<Candidate[]> {
  if (choices.length > 0) return choices.map((word) => ({ word, description: '' }))
  if (names.some((name) => FILE_NAMES.has(name))) return [FILES]
  const source = names.map((name) => SOURCES[name]).find((one) => one !== undefined)
  return source === undefined ? [] : (await source(before, current)).map((word) => ({ word, description: '' }))
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ')
}
