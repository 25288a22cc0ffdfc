/** The directories of `pillar_roots`: which sls there are in an environment, and where each is. */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Environment → its directories; of several files with one name the first directory's counts. */
export type PillarRoots = Readonly<Record<string, readonly string[]>>

/** An sls that is there. */
export interface SlsFile {
  path: string
  /** How messages name it: its path below the root. */
  name: string
  /** Whether it is the `init.sls` of a directory: relative includes start in that directory then. */
  isInit: boolean
}

/** More files than any pillar has, and deeper: a link that leads back into itself ends here. */
const maxFiles = 50_000
const maxDepth = 32

/** The names of every sls of an environment, sorted (`web.nginx` for `web/nginx.sls` and `web/nginx/init.sls`); undefined for an unknown one. */
export function listSls(roots: PillarRoots, environment: string): string[] | undefined {
  const directories = directoriesOf(roots, environment)
  if (directories === undefined) return undefined
  const names = new Set<string>()
  for (const directory of directories) for (const name of slsBelow(directory)) names.add(name)
  return [...names].toSorted()
}

/** Finds an sls by its name: `web.nginx` is `web/nginx.sls`, else `web/nginx/init.sls`, in the first directory that has it. */
export function findSls(roots: PillarRoots, environment: string, sls: string): SlsFile | undefined {
  const stem = sls.replaceAll('.', '/')
  if (stem.split('/').includes('..') || stem.includes('\0')) return undefined
  return findFile(roots, environment, `${stem}.sls`) ?? findFile(roots, environment, `${stem}/init.sls`)
}

/** Finds a file below an environment's directories. */
export function findFile(roots: PillarRoots, environment: string, name: string): SlsFile | undefined {
  for (const directory of directoriesOf(roots, environment) ?? []) {
    const path = join(directory, name)
    if (statSync(path, { throwIfNoEntry: false })?.isFile()) return { path, name, isInit: name.endsWith('/init.sls') }
  }
  return undefined
}

function directoriesOf(roots: PillarRoots, environment: string): readonly string[] | undefined {
  return Object.hasOwn(roots, environment) ? roots[environment] : undefined
}

function* slsBelow(root: string): Generator<string> {
  const waiting = [{ path: root, prefix: '', depth: 0 }]
  let seen = 0
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const entry of entriesOf(next.path)) {
      seen += 1
      if (seen > maxFiles) return
      const path = join(next.path, entry)
      const kind = statSync(path, { throwIfNoEntry: false })
      if (kind?.isDirectory() && next.depth < maxDepth) waiting.push({ path, prefix: `${next.prefix}${entry}.`, depth: next.depth + 1 })
      else if (kind?.isFile() && entry.endsWith('.sls')) yield nameOf(next.prefix, entry)
    }
  }
}

function nameOf(prefix: string, file: string): string {
  return file === 'init.sls' && prefix !== '' ? prefix.slice(0, -1) : prefix + file.slice(0, -'.sls'.length)
}

/** A directory that is not there or may not be read is an empty one, as in Salt. */
function entriesOf(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
