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
