/** The files that `default_include` and `include` name. */
import { readdirSync } from 'node:fs'
import { basename, dirname, isAbsolute, join } from 'node:path'

/** What stands for more than itself in a pattern: `*`, `?`, `[abc]`. */
const wildcard = /[*?[]/

/**
 * Files that a pattern such as `minion.d/*.conf` names, sorted; `*`, `?` and `[…]` work in every part of it, as in Salt, and pass over
 * hidden files. A pattern without them names one file, whether it is there or not.
 *
 * @throws the file system's error for a directory that is there and cannot be read
 */
export function matchingFiles(directory: string, pattern: string): string[] {
  return expand(isAbsolute(pattern) ? pattern : join(directory, pattern))
}

/** True for a pattern that may name nothing. */
export function hasWildcard(pattern: string): boolean {
  return wildcard.test(pattern)
}

function expand(full: string): string[] {
  if (!hasWildcard(full)) return [full]
  const last = basename(full)
  const above = expand(dirname(full))
  if (!hasWildcard(last)) return above.filter((parent) => namesIn(parent).includes(last)).map((parent) => join(parent, last))
  const test = partPattern(last)
  return above.flatMap((parent) => namesIn(parent).filter((name) => test.test(name) && !name.startsWith('.')).toSorted().map((name) => join(parent, name)))
}

/** One part of a pattern as Python's fnmatch reads it. */
function partPattern(part: string): RegExp {
  const translated = part.replaceAll(/\[(!?)(\]?[^\]]*)\]|[^]/g, (piece, not: string | undefined, set: string | undefined) => {
    if (set !== undefined && set !== '') return `[${not === '!' ? '^' : ''}${set.replaceAll(/[\\[\]^]/g, String.raw`\$&`)}]`
    if (piece === '*') return '.*'
    return piece === '?' ? '.' : piece.replaceAll(/[.+*?^${}()|[\]\\]/g, String.raw`\$&`)
  })
  try {
    return new RegExp(`^${translated}$`, 's')
  } catch {
    // A range that runs backwards.
    return /(?!)/
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return []
    throw error
  }
}
