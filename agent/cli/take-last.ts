/**
 * Of an option that is given twice the last one counts, as in Salt; the parser makes a list of them. It has a setting for this, which
 * also takes all but the last of a command's arguments.
 *
 * @param given what was parsed, changed in place
 * @param lists names that hold lists by their nature
 */
export function takeLast(given: Record<string, unknown>, lists: readonly string[]): void {
  // The parser also gives `module-dirs` as `moduleDirs`.
  const kept = new Set(['_', '--', ...lists, ...lists.map((name) => name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase()))])
  for (const [name, value] of Object.entries(given)) {
    if (Array.isArray(value) && !kept.has(name)) given[name] = value.at(-1)
  }
}
