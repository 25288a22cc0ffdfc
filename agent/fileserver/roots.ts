/** Finds files under the roots of an environment (Salt: fileserver/roots.py `find_file`, fileserver/__init__.py `find_file`). */
import type { BigIntStats } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { isAbsolute, join, normalize, resolve } from 'node:path'
import { globMatch } from '../matchers/glob.ts'
import { regexSearch } from '../matchers/python-regex.ts'
import type { FileServerSettings } from './settings.ts'

/** A file that is there. */
export interface FoundFile {
  /** On this host. */
  path: string
  /** Under its root, as it was asked for. */
  relative: string
  stats: BigIntStats
}

/** A path of a `salt://` url taken apart: `|` before it says that a `?` belongs to the name (utils/url.py). */
interface AskedPath {
  path: string
  options: ReadonlyMap<string, string>
}

/** The directories of an environment; undefined when there is no such environment. */
export function rootsOf(settings: FileServerSettings, saltenv: string): string[] | undefined {
  if (Object.hasOwn(settings.roots, saltenv)) return [...(settings.roots[saltenv] ?? [])]
  // The name becomes part of a path here, and it comes from the network.
  if (!Object.hasOwn(settings.roots, '__env__') || !isPlainName(saltenv)) return undefined
  return (settings.roots['__env__'] ?? []).map((root) => root.replaceAll('__env__', saltenv))
}

function isPlainName(name: string): boolean {
  return name !== '' && !name.startsWith('.') && !/[/\\\0]/.test(name)
}

/** Whether the site's patterns hide a path. */
export function isIgnored({ ignoreRegex, ignoreGlob }: FileServerSettings, path: string): boolean {
  return ignoreRegex.some((pattern) => regexSearch(pattern, path) === true) || ignoreGlob.some((pattern) => globMatch(path, pattern))
}

/**
 * The file with this path in an environment, the first root's first. Undefined when there is none, and for a path that is absolute,
 * climbs with `..` or holds a NUL: nothing outside of the roots is ever looked at, unless a symbolic link in them leads there.
 */
export async function findFile(settings: FileServerSettings, asked: string, saltenv: string): Promise<FoundFile | undefined> {
  const { path, options } = takeApart(asked)
  if (path === '' || path.includes('\0') || isAbsolute(path) || path.includes('../')) return undefined
  const relative = normalize(path)
  if (relative === '..' || relative.startsWith('../')) return undefined
  const roots = rootsOf(settings, options.get('saltenv') ?? saltenv) ?? []
  const index = options.get('index')
  for (const root of index === undefined ? roots : roots.slice(Number(index), Number(index) + 1)) {
    const found = await fileAt(settings, root, relative)
    if (found !== undefined) return found
  }
  return undefined
}

async function fileAt(settings: FileServerSettings, root: string, relative: string): Promise<FoundFile | undefined> {
  const path = join(root, relative)
  if (isIgnored(settings, path)) return undefined
  try {
    const stats = await stat(path, { bigint: true })
    if (!stats.isFile() || !(settings.followSymlinks || (await isUnder(root, path)))) return undefined
    return { path, relative, stats }
  } catch {
    return undefined
  }
}

/** Whether a path lies under a directory after every symbolic link was followed. */
async function isUnder(root: string, path: string): Promise<boolean> {
  const [realRoot, realPath] = [await realpath(resolve(root)), await realpath(path)]
  return realPath === realRoot || realPath.startsWith(realRoot === '/' ? '/' : `${realRoot}/`)
}

function takeApart(asked: string): AskedPath {
  if (asked.startsWith('|')) return { path: asked.replace(/^\|+/, ''), options: new Map() }
  const [path = '', query = ''] = asked.split('?')
  const pairs = query.split('&').filter((part) => part.includes('='))
  return { path, options: new Map(pairs.map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)])) }
}

/** The ten numbers of Python's `os.stat`, in its order. */
export function statList(stats: BigIntStats): (number | bigint)[] {
  const seconds = (ns: bigint) => Number(ns / 1_000_000_000n)
  const numbers = [stats.mode, stats.ino, stats.dev, stats.nlink, stats.uid, stats.gid, stats.size].map(small)
  return [...numbers, seconds(stats.atimeNs), seconds(stats.mtimeNs), seconds(stats.ctimeNs)]
}

function small(value: bigint): number | bigint {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value
}
