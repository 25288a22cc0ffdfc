import { lstat, mkdir, readdir, rmdir, stat } from 'node:fs/promises'
import type { Value } from '../../wire/value.ts'
import { InvocationError } from '../contract.ts'
import { errorCode } from '../error-text.ts'
import { isDirectory } from '../programs.ts'
import type { BuiltinContext } from '../services.ts'
import { systemErrorText, withSystemWords } from '../system-errors.ts'
import { applyPermissions } from './owner.ts'
import { normalPath, splitPath } from './paths.ts'

/** Owner, group and mode of directories that are made; null leaves what the system gives. */
export interface DirectoryPermissions {
  user: Value
  group: Value
  mode: Value
}

const dayMs = 86_400_000

/** Makes a directory with all above it that are missing, each with these permissions. Throws in the system's words, also when it is there. */
export async function makeWithParents(context: BuiltinContext, name: string, permissions: DirectoryPermissions): Promise<void> {
  const path = normalPath(name)
  const { head } = splitPath(path)
  if (head !== path && head !== '' && (await stat(head).catch(() => undefined)) === undefined) await makeWithParents(context, head, permissions)
  try {
    await mkdir(path)
  } catch (error) {
    // Somebody else was faster with a directory on the way.
    if (errorCode(error) !== 'EEXIST' || !(await isDirectory(path)) || name === path) return withSystemWords(path, Promise.reject(error as Error))
  }
  await applyPermissions(context, path, permissions)
}

/** Makes a directory unless it is there. */
export async function makeDirectory(context: BuiltinContext, path: string, permissions: DirectoryPermissions): Promise<true> {
  const directory = normalPath(path)
  if (!(await isDirectory(directory))) await makeWithParents(context, directory, permissions)
  return true
}

/** Makes the directories above a path. Resolves with Salt's text when there is nothing to do. */
export async function makeParents(context: BuiltinContext, path: string, permissions: DirectoryPermissions): Promise<string | null> {
  const directory = normalPath(splitPath(path).head)
  const found = await stat(directory).catch(() => undefined)
  if (found?.isDirectory() === true) return `Directory '${directory}' already exists`
  if (found !== undefined) return `The path '${directory}' already exists and is not a directory`
  await makeDirectory(context, directory, permissions)
  return null
}

interface Removal {
  deleted: string[]
  errors: [string, string][]
  result: boolean
}

/**
 * Removes an empty directory; with `recurse` the empty ones in it first. `olderThan`: only those not changed for so many days.
 *
 * @throws InvocationError in Salt's words when it is no directory
 */
export async function removeEmpty(path: string, options: { recurse: boolean; olderThan: number | null }): Promise<Removal> {
  if (!(await isDirectory(path))) throw new InvocationError('A valid directory was not specified.')
  const removal: Removal = { deleted: [], errors: [], result: false }
  const before = options.olderThan === null || options.olderThan === 0 ? Number.POSITIVE_INFINITY : Date.now() - options.olderThan * dayMs
  const removeOne = async (directory: string): Promise<boolean> => {
    if ((await stat(directory)).mtimeMs >= before) return false
    try {
      await rmdir(directory)
      removal.deleted.push(directory)
      return true
    } catch (error) {
      removal.errors.push([directory, systemErrorText(error, directory)])
      return false
    }
  }
  if (options.recurse) {
    for (const directory of await directoriesUnder(path)) await removeOne(directory)
    removal.result = removal.errors.length === 0
  }
  const old = (await stat(path)).mtimeMs < before
  const done = await removeOne(path)
  if (old) removal.result = done && (removal.result || !options.recurse)
  return removal
}

/** The deepest first. */
async function directoriesUnder(path: string): Promise<string[]> {
  const found: string[] = []
  const waiting = [path]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const entry of await readdir(next, { withFileTypes: true }).catch(() => [])) {
      if (!entry.isDirectory()) continue
      found.push(`${next}/${entry.name}`)
      waiting.push(`${next}/${entry.name}`)
    }
  }
  return found.toReversed()
}

/** Whether anything is at a path, a link that leads nowhere too. */
export async function isAnything(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined
}
