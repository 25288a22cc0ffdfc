import { globMatch } from '../matchers/glob.ts'
import type { Value } from '../wire/value.ts'

/** Names (`module.function`) that any of the patterns names: a module, a full name, or a glob; all when there is no pattern. */
export function isSelected(name: string, patterns: Value[]): boolean {
  return patterns.length === 0 || patterns.some((pattern) => typeof pattern === 'string' && isNamed(name, pattern))
}

function isNamed(name: string, pattern: string): boolean {
  if (/[*?[]/.test(pattern)) return globMatch(name, pattern)
  return name === pattern || name.startsWith(pattern.endsWith('.') ? pattern : `${pattern}.`)
}

/** Module names that a list of names or globs has; all when it is empty. */
export function selectedModules(names: string[], patterns: Value[]): string[] {
  const all = [...new Set(names)].toSorted()
  if (patterns.length === 0) return all
  // A glob may name functions, too: test.p* is in test.
  return all.filter((name) => patterns.some((pattern) => typeof pattern === 'string' && globMatch(name, pattern.includes('*') ? (pattern.split('.')[0] ?? pattern) : pattern)))
}
