/** Takes a site's code from the file server, `salt://_modules` and so on, to where it is loaded from (Salt: utils/extmods.py `sync`). */
import { chmod, copyFile, mkdir, open, readdir, readFile, rm, rmdir } from 'node:fs/promises'
import { dirname, join, normalize, relative } from 'node:path'
import type { FileClient } from '../files/port.ts'
import type { Logger } from '../log.ts'
import { CommandExecutionError } from './contract.ts'

export interface SyncRequest {
  files: FileClient
  /** `modules`, `grains`, `returners`. */
  kind: string
  saltenvs: readonly string[]
  /** Where the files go. */
  directory: string
  /** Unless undefined, the only names that are taken; and names that are not. */
  whitelist: readonly string[] | undefined
  blacklist: readonly string[]
  /** Remove what the file server no longer has. */
  clean: boolean
  log: Logger
}

export interface Synced {
  /** `modules.NAME` of each file that is new or changed. */
  changed: string[]
  /** The same of each that does not run here, with the reason. */
  refused: string[]
}

const nodeEnding = /\.(?:ts|js|mjs)$/
/** What Salt takes: Python and what Python loads. */
const pythonEnding = /\.(?:pyx?|so|zip)$/
const pythonReason = 'not taken, Python code does not run on this minion'

/**
 * Brings the directory to what the file server has: `.ts`, `.js` and `.mjs` files, and programs, which are recognised by how they begin.
 * A later environment wins. Rejects as the file client does.
 */
export async function syncExtensions(request: SyncRequest): Promise<Synced> {
  const { files, kind, saltenvs, directory, log } = request
  const result: Synced = { changed: [], refused: [] }
  const remote = new Set<string>()
  await mkdir(directory, { recursive: true, mode: 0o700 })
  for (const saltenv of saltenvs) {
    const prefix = `_${kind}/`
    for (const path of (await files.list('files', saltenv, prefix)).filter((name) => name.startsWith(prefix))) {
      // The server chooses the names: none may lead to another kind's directory.
      const own = ownPath(path.slice(prefix.length))
      const name = nameOf(own)
      if (!isWanted(name, request)) continue
      if (pythonEnding.test(path)) {
        log.warn({ path, saltenv }, 'a Python file was not synced: it does not run on this minion')
        result.refused.push(`${kind}.${name}: ${pythonReason}`)
        continue
      }
      const cached = await files.cacheFile(`salt://${path}`, { saltenv })
      const mode = cached === false ? undefined : await modeOf(path, cached)
      if (cached === false || mode === undefined) continue
      remote.add(own)
      if (await place(cached, join(directory, own), mode)) result.changed.push(`${kind}.${name}`)
    }
  }
  if (request.clean) await removeOthers(directory, remote)
  return result
}

/** @throws CommandExecutionError for a path that leaves the directory it is taken to. */
function ownPath(path: string): string {
  const own = normalize(path)
  if (!own.startsWith('/') && !own.includes('\0') && !own.split('/').includes('..')) return own
  throw new CommandExecutionError(`the path ${JSON.stringify(path.slice(0, 200))} of the file server does not stay under its directory`)
}

/** The name that Salt gives a file: its path without the ending, with dots. */
export function nameOf(path: string): string {
  return path.replace(/\.[^./]+$/, '').replaceAll('/', '.')
}

function isWanted(name: string, { whitelist, blacklist }: SyncRequest): boolean {
  return (whitelist === undefined || whitelist.includes(name)) && !blacklist.includes(name)
}

/** The mode of code that runs here; undefined for any other file. The file server does not tell modes. */
async function modeOf(path: string, cached: string): Promise<number | undefined> {
  if (nodeEnding.test(path)) return 0o600
  const handle = await open(cached, 'r')
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0)
    const begin = buffer.subarray(0, bytesRead).toString('latin1')
    return begin.startsWith('#!') || begin === '\x7fELF' ? 0o700 : undefined
  } finally {
    await handle.close()
  }
}

/** Copies a file unless the same is there. True when it was copied. */
async function place(from: string, to: string, mode: number): Promise<boolean> {
  const [there, wanted] = [await readFile(to).catch(() => undefined), await readFile(from)]
  if (there?.equals(wanted) === true) return false
  await mkdir(dirname(to), { recursive: true, mode: 0o700 })
  await copyFile(from, to)
  await chmod(to, mode)
  return true
}

async function removeOthers(directory: string, remote: ReadonlySet<string>): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true })
  const paths = entries.map((entry) => ({ path: join(entry.parentPath, entry.name), isDirectory: entry.isDirectory() }))
  for (const { path, isDirectory } of paths) if (!isDirectory && !remote.has(relative(directory, path))) await rm(path, { force: true })
  // The deepest first; one that still holds something stays.
  for (const { path, isDirectory } of paths.toReversed()) if (isDirectory) await rmdir(path).catch(() => {})
}
