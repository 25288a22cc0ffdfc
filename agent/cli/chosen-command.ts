/** Options that take a value and may stand before the command: the value must not be taken for a command. */
const VALUE_OPTIONS = new Set(['-c', '--config-dir', '--config_dir', '--root-dir', '--root_dir', '-l', '--log-level', '--log_level'])

/** The first word of the command line that names a command; undefined when there is none, as with `--help`. */
export function chosenCommand(args: readonly string[], names: readonly string[]): string | undefined {
  const [first] = plainWords(args)
  return first !== undefined && names.includes(first) ? first : undefined
}

/** The words of the command line that are neither an option nor, as far as one can tell without the command, the value of one. */
export function plainWords(args: readonly string[]): string[] {
  return args.filter((word, index) => !word.startsWith('-') && !VALUE_OPTIONS.has(args[index - 1] ?? ''))
}
