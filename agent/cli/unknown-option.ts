import { suggestName } from '../../config/problems.ts'

/**
 * The first word that looks like an option and is none, such as `--json`. The parser takes the word behind it for its value, and then
 * complains only that a target is missing.
 *
 * @param known every name and alias, without dashes
 */
export function unknownOption(args: readonly string[], known: readonly string[]): string | undefined {
  const end = args.indexOf('--')
  return args.slice(0, end < 0 ? args.length : end).find((word) => {
    const name = /^(?:--([A-Za-z][\w-]*)(?:=.*)?|-([A-Za-z]))$/s.exec(word)?.slice(1).find((part) => part !== undefined)
    if (name === undefined) return false
    const kebab = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    return ![name, kebab, name.replace(/^no-/, '')].some((spelling) => known.includes(spelling))
  })
}

/** What may stand on the command line. */
export interface KnownWords {
  /** The words that were given. */
  args: readonly string[]
  /** Every name and alias of an option, without dashes. */
  options: readonly string[]
  /** The commands that may stand there. */
  commands: readonly string[]
  /** The form of the command, `outbox show <return>`. */
  usage?: string
  /** What a word of that form may be, where that is known. */
  choices?: Readonly<Record<string, readonly string[]>>
}

/**
 * What the parser complains of, as a person would say it: an unknown option as it was written, a value that is none of the choices
 * in one line, and what was probably meant.
 */
export function inWords(message: string, { args, options, commands, usage = '', choices: allowed = {} }: KnownWords): string {
  const choice = /^Invalid values:\s+Argument: (?<name>\S+), Given: "(?<given>[^]*?)", Choices: (?<choices>.*)$/m.exec(message)?.groups
  if (choice !== undefined) {
    const choices = [...(choice['choices'] ?? '').matchAll(/"([^"]*)"/g)].map(([, one]) => one ?? '')
    return `${choice['name']}: ${JSON.stringify(choice['given'])} is none of ${choices.join(', ')}${meant(suggestName(choice['given'] ?? '', choices))}`
  }
  if (args[0] === 'cmd' && message.startsWith('Not enough non-option')) return 'Name a target and a function: brine cmd TARGET FUNCTION'
  const got = /^Not enough non-option arguments: got (\d+)/.exec(message)?.[1]
  if (got !== undefined && usage.includes('<')) return missing(usage, Number(got), allowed)
  const given = /^Unknown arguments?: (?<names>.*)$/s.exec(message)?.groups?.['names']
  if (given === undefined) return message
  const names = given.split(', ')
  // A command that is none hides the options that it would have: it comes first.
  const word = commands.length === 0 ? undefined : names.find((one) => args.includes(one))
  if (word !== undefined) return `Unknown command: ${word}${meant(suggestName(word, commands))}`
  const name = nameOf(names[0] ?? '')
  const asOption = args.find((one) => one.startsWith('-') && [name, `no-${name}`].includes(nameOf(one)))
  if (asOption === undefined) return commands.length === 0 ? message : `Unknown command: ${given}${meant(suggestName(name, commands))}`
  const near = suggestName(name, options.filter((each) => each.length > 1))
  return `Unknown option: ${asOption.replace(/=.*$/s, '')}${meant(near === undefined ? undefined : `--${near}`)}`
}

/** The first word that is missing, what it may be, and the whole form. */
function missing(usage: string, got: number, allowed: Readonly<Record<string, readonly string[]>>): string {
  const name = [...usage.matchAll(/<([^>.]+)(?:\.\.)?>/g)][got]?.[1] ?? ''
  const choices = allowed[name]
  return `Say which ${name}${choices === undefined ? '' : ` (${choices.join(', ')})`}: brine ${usage}`
}

function meant(near: string | undefined): string {
  return near === undefined ? '' : `; did you mean ${near}?`
}

function nameOf(word: string): string {
  return word.replace(/^-+/, '').replace(/=.*$/s, '')
}
