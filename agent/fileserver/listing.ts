/** What an environment holds (Salt: fileserver/roots.py `_file_lists`). */
import type { Dirent } from 'node:fs'
import { readdir, readlink, realpath, stat } from 'node:fs/promises'
import { dirname, join, normalize, relative } from 'node:path'
import { isIgnored, rootsOf } from './roots.ts'
import type { FileServerSettings } from './settings.ts'

/** Paths under the roots, sorted, each once. */
export interface Listing {
  files: string[]
  dirs: string[]
  emptyDirs: string[]
  /** Link → where it leads, as it is written. */
  links: Map<string, string>
}

/** A directory reached through links that lead back up would never end. */
const maxDepth = 64

/** Walks the roots of an environment; all is empty when there is none. Walks that are asked for while one is under way share it. */
export function createListings(settings: FileServerSettings): (saltenv: string) => Promise<Listing> {
  const underWay = new Map<string, Promise<Listing>>()
  return (saltenv) => {
    const known = underWay.get(saltenv) ?? listRoots(settings, saltenv).finally(() => underWay.delete(saltenv))
    underWay.set(saltenv, known)
    return known
  }
}

interface Found {
  files: Set<string>
  dirs: Set<string>
  emptyDirs: Set<string>
  links: Map<string, string>
}

async function listRoots(settings: FileServerSettings, saltenv: string): Promise<Listing> {
  const found: Found = { files: new Set(), dirs: new Set(), emptyDirs: new Set(), links: new Map() }
  for (const root of rootsOf(settings, saltenv) ?? []) await walk(settings, { root, directory: root, depth: 0, above: new Set() }, found)
  const sorted = (set: Set<string>) => [...set].toSorted(byCodePoint)
  return { files: sorted(found.files), dirs: sorted(found.dirs), emptyDirs: sorted(found.emptyDirs), links: found.links }
}

interface Place {
  root: string
  directory: string
  depth: number
  /** The real directories on the way here: one of them again would be a circle. */
  above: ReadonlySet<string>
}

async function walk(settings: FileServerSettings, place: Place, found: Found): Promise<void> {
  const here = await realpath(place.directory).catch(() => undefined)
  if (here === undefined || place.above.has(here) || place.depth > maxDepth) return
  const above = new Set([...place.above, here])
  for (const entry of await entriesOf(place.directory)) {
    const path = join(place.directory, entry.name)
    const isDirectory = await isDirectoryEntry(entry, path)
    await note(settings, { root: place.root, path, isLink: entry.isSymbolicLink(), isDirectory }, found)
    if (isDirectory && (settings.followSymlinks || !entry.isSymbolicLink())) {
      await walk(settings, { root: place.root, directory: path, depth: place.depth + 1, above }, found)
    }
  }
}

interface Entry {
  root: string
  path: string
  isLink: boolean
  isDirectory: boolean
}

async function note(settings: FileServerSettings, { root, path, isLink, isDirectory }: Entry, found: Found): Promise<void> {
  if (isLink && settings.ignoreSymlinks) return
  const name = relative(root, path)
  if (isIgnored(settings, name)) return
  if (isDirectory) {
    found.dirs.add(name)
    if ((await entriesOf(path)).length === 0) found.emptyDirs.add(name)
  } else {
    found.files.add(name)
  }
  if (!isLink) return
  const target = await readlink(path).catch(() => undefined)
  if (target === undefined) return
  const outside = await leadsOutside(root, path, target)
  // A link that leads out of the root is served as what it leads to; it is only a link where links are not followed.
  if (!outside || !settings.followSymlinks) found.links.set(name, target)
}

async function leadsOutside(root: string, path: string, target: string): Promise<boolean> {
  // Salt's reading of a target that begins with `..`: from the link itself, not from its directory.
  const joined = normalize(target.startsWith('/') ? target : join(target.startsWith('..') ? path : dirname(path), target))
  const real = await realpath(joined).catch(() => joined)
  return relative(await realpath(root), real).startsWith('..')
}

async function isDirectoryEntry(entry: Dirent, path: string): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory()
  return stat(path).then((stats) => stats.isDirectory(), () => false)
}

async function entriesOf(directory: string): Promise<Dirent[]> {
  return readdir(directory, { withFileTypes: true }).catch(() => [])
}

/** Python's order of texts. */
function byCodePoint(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other))
}
