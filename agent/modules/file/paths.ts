import { readdir, lstat } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { globMatch } from '../../matchers/glob.ts'
import { CommandExecutionError, InvocationError } from '../contract.ts'
import type { BuiltinContext } from '../services.ts'

/** Paths that one glob may find. */
const mostPaths = 100_000

/**
 * A path as a function of `file` gets it: `~` is the agent's home; it must be absolute (a daemon has no directory of its own
 * to begin from) and without a NUL byte.
 *
 * @throws InvocationError with the text `refusal`, or Salt's for most functions
 */
export function filePath(context: BuiltinContext, given: string, refusal = `File path must be absolute: ${given}`): string {
  if (given.includes('\0')) throw new InvocationError('embedded null byte')
  const path = given === '~' || given.startsWith('~/') ? `${context.agent.user.home}${given.slice(1)}` : given
  if (!isAbsolute(path)) throw new InvocationError(refusal)
  return path
}

/** Python's `os.path.normpath`: not Node's, which keeps a slash at the end. */
export function normalPath(path: string): string {
  if (path === '') return '.'
  const initial = path.startsWith('//') && !path.startsWith('///') ? '//' : path.startsWith('/') ? '/' : ''
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..' || (initial === '' && (parts.length === 0 || parts.at(-1) === '..'))) parts.push(part)
    else parts.pop()
  }
  return `${initial}${parts.join('/')}` || '.'
}

/** Python's `os.path.split`: what is before the last slash, and what is behind it. */
export function splitPath(path: string): { head: string; tail: string } {
  const at = path.lastIndexOf('/') + 1
  const head = path.slice(0, at)
  return { head: /^\/*$/.test(head) ? head : head.replace(/\/+$/, ''), tail: path.slice(at) }
}

/** The paths that are there and match a pattern, as Python's `glob.glob` finds them: `*` does not cross a slash nor begin with a dot. */
export async function globPaths(pattern: string): Promise<string[]> {
  let found = [pattern.startsWith('/') ? '/' : '']
  const parts = pattern.split('/').filter((part, at, all) => part !== '' || at === all.length - 1)
  for (const [at, part] of parts.entries()) {
    const next: string[] = []
    for (const base of found) next.push(...(await step(base, part, at < parts.length - 1)))
    if (next.length > mostPaths) throw new CommandExecutionError(`${pattern} stands for more than ${mostPaths} paths`)
    found = next
  }
  return found
}

async function step(base: string, part: string, more: boolean): Promise<string[]> {
  const join = (name: string) => (base === '' || base.endsWith('/') ? `${base}${name}` : `${base}/${name}`)
  if (!/[*?[]/.test(part)) {
    const path = join(part)
    return more || (await isThere(path)) ? [path] : []
  }
  const names = await readdir(base === '' ? '.' : base).catch(() => [])
  return names.filter((name) => (!name.startsWith('.') || part.startsWith('.')) && globMatch(name, part)).map(join)
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(() => true, () => false)
}
