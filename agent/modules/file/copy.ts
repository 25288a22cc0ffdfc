import { constants } from 'node:fs'
import { chmod, copyFile, lstat, mkdir, open, readdir, realpath, rename, rm, stat, utimes } from 'node:fs/promises'
import { CommandExecutionError, InvocationError } from '../contract.ts'
import { errorCode } from '../error-text.ts'
import { isDirectory } from '../programs.ts'
import type { BuiltinContext } from '../services.ts'
import { systemErrorText } from '../system-errors.ts'
import { applyPermissions } from './owner.ts'
import { splitPath } from './paths.ts'

/** Directories within directories. */
const deepest = 500

interface TreeOptions {
  /** Modes and times are copied too. */
  attributes: boolean
  signal: AbortSignal
}

/**
 * Copies a file, or with `recurse` a directory. Owner and mode of the copy are those of the original.
 *
 * @throws InvocationError, CommandExecutionError in Salt's words
 */
export async function copyPath(context: BuiltinContext, src: string, dst: string, options: { recurse: boolean; removeExisting: boolean }): Promise<true> {
  const original = await stat(src).catch(() => undefined)
  if (original === undefined) throw new CommandExecutionError(`No such file or directory '${src}'`)
  const wholeTree = original.isDirectory() || (await isDirectory(dst))
  if (wholeTree && !options.recurse) {
    throw new InvocationError('Cannot copy overwriting a directory without recurse flag set to true!')
  }
  await refuseInside(src, dst)
  try {
    if (!wholeTree) await copyOne(src, dst)
    else {
      if (options.removeExisting) await rm(dst, { recursive: true, force: true })
      await copyTree(src, dst, { attributes: options.removeExisting, signal: context.signal })
    }
  } catch (error) {
    context.signal.throwIfAborted()
    throw new CommandExecutionError(`Could not copy '${src}' to '${dst}'`, { cause: error })
  }
  await applyPermissions(context, dst, { user: original.uid, group: original.gid, mode: (original.mode & 0o7777).toString(8) })
  return true
}

/**
 * Moves a file or directory, into the destination when that is a directory; over file systems it is copied and then removed.
 *
 * @throws CommandExecutionError in Salt's words
 */
export async function movePath(context: BuiltinContext, src: string, dst: string): Promise<void> {
  const refuse = (text: string) => new CommandExecutionError(`Unable to move '${src}' to '${dst}': ${text}`)
  let target = dst
  if (await isDirectory(dst)) {
    target = `${dst.replace(/\/+$/, '')}/${splitPath(src.replace(/\/+$/, '')).tail}`
    if ((await lstat(target).catch(() => undefined)) !== undefined) throw refuse(`Destination path '${target}' already exists`)
  }
  try {
    await rename(src, target)
  } catch (error) {
    const isThere = await lstat(src).then(() => true, () => false)
    // Salt names what is in the way.
    if (errorCode(error) === 'ENOTDIR' && isThere) throw refuse(`[Errno 17] File exists: '${target}'`)
    if (errorCode(error) !== 'EXDEV') throw refuse(systemErrorText(error, isThere ? target : src))
    await moveByCopy(context, src, target).catch((failure: unknown) => {
      context.signal.throwIfAborted()
      throw refuse(systemErrorText(failure, src))
    })
  }
}

async function moveByCopy(context: BuiltinContext, src: string, dst: string): Promise<void> {
  const original = await lstat(src)
  if (original.isDirectory()) await copyTree(src, dst, { attributes: true, signal: context.signal })
  else {
    await copyOne(src, dst)
    await copyAttributes(src, dst)
  }
  await applyPermissions(context, dst, { user: original.uid, group: original.gid, mode: null })
  await rm(src, { recursive: true })
}

/** A directory that is copied into itself would grow without an end. */
async function refuseInside(src: string, dst: string): Promise<void> {
  const from = await realpath(src)
  const to = (await realpath(dst).catch(() => undefined)) ?? `${await realpath(splitPath(dst).head).catch(() => splitPath(dst).head)}/${splitPath(dst).tail}`
  if (to === from || to.startsWith(`${from}/`)) throw new CommandExecutionError(`Could not copy '${src}' to '${dst}'`)
}

/** As cp -r: what is only at the destination stays; links to files are followed, links to directories passed over. */
async function copyTree(src: string, dst: string, options: TreeOptions, depth = 0): Promise<void> {
  if (depth > deepest) throw new Error(`directories are nested more than ${deepest} deep`)
  await mkdir(dst, { recursive: true })
  for (const entry of await readdir(src, { withFileTypes: true })) {
    options.signal.throwIfAborted()
    const [from, to] = [`${src}/${entry.name}`, `${dst}/${entry.name}`]
    if (entry.isDirectory()) await copyTree(from, to, options, depth + 1)
    else if (!(await isDirectory(from))) {
      await copyOne(from, to)
      if (options.attributes) await copyAttributes(from, to)
    }
  }
  if (options.attributes) await copyAttributes(src, dst)
}

async function copyAttributes(src: string, dst: string): Promise<void> {
  const original = await stat(src)
  await chmod(dst, original.mode & 0o7777)
  await utimes(dst, original.atime, original.mtime)
}

/** Only regular files: a pipe would be read without an end. */
async function copyOne(src: string, dst: string): Promise<void> {
  const original = await stat(src)
  if (!original.isFile()) throw new Error(`${src} is no regular file`)
  // A destination that is there keeps its owner and mode: its content is replaced, not the file.
  await copyFile(src, dst, constants.COPYFILE_FICLONE)
  const copied = await open(dst, 'r')
  try {
    await copied.sync()
  } finally {
    await copied.close()
  }
}
