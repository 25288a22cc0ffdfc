/** The functions of `file` that change files and directories (Salt: modules/file.py). */
import { link, lstat, open, readlink, rename, rm, stat, symlink, truncate, utimes } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import { isTruthy, pythonStr } from '../../matchers/python-text.ts'
import { get } from '../../wire/value.ts'
import type { Value } from '../../wire/value.ts'
import { CommandExecutionError, defineFunction, InvocationError, param } from '../contract.ts'
import type { AnyFunction, ExtraArguments } from '../contract.ts'
import type { BuiltinContext } from '../services.ts'
import { systemErrorText, systemErrorWords, withSystemWords } from '../system-errors.ts'
import { copyPath, movePath } from './copy.ts'
import { isAnything, makeDirectory, makeParents, makeWithParents, removeEmpty } from './directories.ts'
import { changeOwner, setMode } from './owner.ts'
import { filePath, normalPath, splitPath } from './paths.ts'
import { readBounded } from './read-bounded.ts'
import { rewriteFile } from './rewrite.ts'
import { editLimitBytes } from './text-file.ts'

/** The lines to write: the further arguments, or those of the keyword `args`. */
function linesGiven({ rest, kwargs }: ExtraArguments): string[] {
  const named = get(kwargs, 'args')
  const unknown = Object.keys(kwargs).find((name) => name !== 'args' && !name.startsWith('__'))
  if (unknown !== undefined) throw new InvocationError(`The following keyword arguments are not valid: ${unknown}=${pythonStr(kwargs[unknown] ?? null)}`)
  return (named === undefined ? rest : Array.isArray(named) ? named : [named]).map(pythonStr)
}

function asLines(lines: string[]): Buffer {
  return Buffer.from(lines.map((line) => `${line}\n`).join(''))
}

/** At the end of the file that is there, with a line break before when its last line has none. */
async function appendLines(path: string, lines: string[]): Promise<void> {
  const file = await withSystemWords(path, open(path, 'r+'))
  try {
    const { size } = await file.stat()
    const { buffer } = size === 0 ? { buffer: Buffer.from('\n') } : await file.read(Buffer.alloc(1), 0, 1, size - 1)
    const content = Buffer.concat([Buffer.from(buffer[0] === 0x0a ? '' : '\n'), asLines(lines)])
    await withSystemWords(path, file.write(content, 0, content.length, size))
    await file.datasync().catch(() => {})
  } finally {
    await file.close()
  }
}

async function prependLines(path: string, lines: string[]): Promise<void> {
  const isThere = (await stat(path).catch(() => undefined)) !== undefined
  await rewriteFile(path, Buffer.concat([asLines(lines), isThere ? await readBounded(path, editLimitBytes) : Buffer.alloc(0)]))
}

/** A time in seconds; now when there is none. */
function timeGiven(time: Value, now: number): number {
  if (time === null) return now
  const number = Number(pythonStr(time))
  if (!isTruthy(time) || !Number.isFinite(number)) throw new InvocationError('atime and mtime must be integers')
  return number
}

async function touch(path: string, atime: Value, mtime: Value): Promise<true> {
  const now = Date.now() / 1000
  const times: [number, number] = [timeGiven(atime, now), timeGiven(mtime, now)]
  try {
    if ((await stat(path).catch(() => undefined)) === undefined) await (await open(path, 'a')).close()
    await utimes(path, ...times)
    return true
  } catch (error) {
    throw new CommandExecutionError(systemErrorWords(error), { cause: error })
  }
}

async function removePath(context: BuiltinContext, path: string): Promise<boolean> {
  if (normalPath(path) === '/') throw new CommandExecutionError(`Could not remove '${path}': it is all of this host`)
  if (!(await isAnything(path))) return false
  try {
    await rm(path, { recursive: (await lstat(path)).isDirectory() })
    return true
  } catch (error) {
    context.signal.throwIfAborted()
    throw new CommandExecutionError(`Could not remove '${path}': ${systemErrorText(error, path)}`)
  }
}

interface LinkOptions {
  force: boolean
  atomic: boolean
  follow_symlinks: boolean
}

async function makeLink(src: string, path: string, { force, atomic, follow_symlinks: follow }: LinkOptions): Promise<true> {
  const existing = await readlink(path).catch(() => undefined)
  if (existing !== undefined && normalPath(existing) === normalPath(src)) return true
  const isThere = follow ? (await stat(path).catch(() => undefined)) !== undefined : await isAnything(path)
  if (!force && !atomic) {
    if (existing !== undefined) throw new CommandExecutionError(`Found existing symlink: ${path}`)
    if (isThere) throw new CommandExecutionError(`Existing path is not a symlink: ${path}`)
  }
  try {
    if (atomic) await replaceByLink(src, path)
    else {
      if (existing !== undefined || isThere) await rm(path)
      await symlink(src, path)
    }
    return true
  } catch (error) {
    throw new CommandExecutionError(`Could not create '${path}'`, { cause: error })
  }
}

async function replaceByLink(src: string, path: string): Promise<void> {
  const temporary = `${splitPath(path).head}/.${randomUUID()}.new`
  await symlink(src, temporary)
  await rename(temporary, path).catch(async (error: unknown) => {
    await rm(temporary, { force: true })
    throw error
  })
}

const permissions = { user: param.any(null), group: param.any(null), mode: param.any(null) }

const lineWriting: Record<string, AnyFunction<BuiltinContext>> = {
  write: defineFunction({
    doc: 'Writes lines into a file, instead of what was in it: the further arguments, or the list args.',
    args: { path: param.text() },
    rest: 'args',
    kwargs: 'kwargs',
    async run(context: BuiltinContext, { path: given }, extra) {
      const [path, lines] = [filePath(context, given), linesGiven(extra)]
      await rewriteFile(path, asLines(lines))
      return `Wrote ${lines.length} lines to "${path}"`
    },
  }),
  append: defineFunction({
    doc: 'Writes lines to the end of a file that is there: the further arguments, or the list args.',
    args: { path: param.text() },
    rest: 'args',
    kwargs: 'kwargs',
    async run(context: BuiltinContext, { path: given }, extra) {
      const [path, lines] = [filePath(context, given), linesGiven(extra)]
      await appendLines(path, lines)
      return `Wrote ${lines.length} lines to "${path}"`
    },
  }),
  prepend: defineFunction({
    doc: 'Writes lines before what is in a file: the further arguments, or the list args.',
    args: { path: param.text() },
    rest: 'args',
    kwargs: 'kwargs',
    async run(context: BuiltinContext, { path: given }, extra) {
      const [path, lines] = [filePath(context, given), linesGiven(extra)]
      await prependLines(path, lines)
      return `Prepended ${lines.length} lines to "${path}"`
    },
  }),
  touch: defineFunction({
    doc: 'Makes an empty file when there is none, and sets its times: now, or atime and mtime in seconds.',
    args: { name: param.text(), atime: param.any(null), mtime: param.any(null) },
    run: (context: BuiltinContext, { name, atime, mtime }) => touch(filePath(context, name), atime, mtime),
  }),
  truncate: defineFunction({
    doc: 'Cuts a file to a length in bytes, or makes it longer with zeros.',
    args: { path: param.text(), length: param.integer() },
    async run(context: BuiltinContext, { path: given, length }) {
      if (length < 0) throw new InvocationError('length must not be negative')
      const path = filePath(context, given)
      await withSystemWords(path, truncate(path, length))
    },
  }),
}

const directories: Record<string, AnyFunction<BuiltinContext>> = {
  mkdir: defineFunction({
    doc: 'Makes a directory with those above it, unless it is there. Returns True.',
    args: { dir_path: param.text(), ...permissions },
    run: (context: BuiltinContext, { dir_path: path, ...given }) => makeDirectory(context, filePath(context, path), given),
  }),
  makedirs: defineFunction({
    doc: 'Makes the directories above a path. Only a path that ends with a slash is one of them.',
    args: { path: param.text(), ...permissions },
    run: (context: BuiltinContext, { path, ...given }) => makeParents(context, filePath(context, path), given),
  }),
  makedirs_perms: defineFunction({
    doc: 'Makes a directory and those above it, each with an owner, a group and a mode.',
    args: { name: param.text(), user: permissions.user, group: permissions.group, mode: param.any('0755') },
    run: (context: BuiltinContext, { name, ...given }) => makeWithParents(context, normalPath(filePath(context, name)), given),
  }),
  rmdir: defineFunction({
    doc: 'Removes an empty directory; with recurse=True the empty ones in it before. older_than: only those unchanged for so many days.',
    args: { path: param.text(), recurse: param.boolean(false), verbose: param.boolean(false), older_than: param.integer(null) },
    async run(context: BuiltinContext, { path, recurse, verbose, older_than: olderThan }) {
      const removal = await removeEmpty(filePath(context, path, 'File path must be absolute.'), { recurse, olderThan })
      return verbose ? removal : removal.result
    },
  }),
}

const moving: Record<string, AnyFunction<BuiltinContext>> = {
  remove: defineFunction({
    doc: 'Removes a file, a link, or a directory with all that is in it. Returns False when nothing is there.',
    args: { path: param.text() },
    kwargs: 'kwargs',
    run: (context: BuiltinContext, { path }) => removePath(context, filePath(context, path)),
  }),
  rename: defineFunction({
    doc: 'Gives a file or directory another path on the same file system. Returns True.',
    args: { src: param.text(), dst: param.text() },
    async run(context: BuiltinContext, args) {
      const [src, dst] = [filePath(context, args.src, 'File path must be absolute.'), filePath(context, args.dst)]
      await rename(src, dst).catch((error: unknown) => {
        throw new CommandExecutionError(`Could not rename '${src}' to '${dst}'`, { cause: error })
      })
      return true
    },
  }),
  move: defineFunction({
    doc: 'Moves a file or directory, also to another file system, unless disallow_copy_and_unlink is True.',
    args: { src: param.text(), dst: param.text(), disallow_copy_and_unlink: param.boolean(false) },
    async run(context: BuiltinContext, args) {
      if (args.disallow_copy_and_unlink) return context.call('file.rename', [args.src, args.dst])
      const [src, dst] = [filePath(context, args.src, 'Source path must be absolute.'), filePath(context, args.dst, 'Destination path must be absolute.')]
      await movePath(context, src, dst)
      return { result: true, comment: `'${src}' moved to '${dst}'` }
    },
  }),
  copy: defineFunction({
    doc: 'Copies a file, or with recurse=True a directory. remove_existing=True first removes what is at the destination.',
    args: { src: param.text(), dst: param.text(), recurse: param.boolean(false), remove_existing: param.boolean(false) },
    run: (context: BuiltinContext, { src, dst, recurse, remove_existing: removeExisting }) =>
      copyPath(context, filePath(context, src, 'File path must be absolute.'), filePath(context, dst), { recurse, removeExisting }),
  }),
  symlink: defineFunction({
    doc: 'Makes path a symbolic link to src. force=True replaces what is there, atomic=True does so in one step.',
    args: { src: param.text(), path: param.text(), force: param.boolean(false), atomic: param.boolean(false), follow_symlinks: param.boolean(true) },
    run: (context: BuiltinContext, { src, path, ...options }) => {
      if (src.includes('\0')) throw new InvocationError('embedded null byte')
      return makeLink(src, filePath(context, path, `Link path must be absolute: ${path}`), options)
    },
  }),
  link: defineFunction({
    doc: 'Makes path a hard link to src, a further name of the same file.',
    args: { src: param.text(), path: param.text() },
    async run(context: BuiltinContext, args) {
      const [src, path] = [filePath(context, args.src, 'File path must be absolute.'), filePath(context, args.path, 'File path must be absolute.')]
      await link(src, path).catch((error: unknown) => {
        throw new CommandExecutionError(`Could not create '${path}': ${systemErrorText(error, src)} -> '${path}'`)
      })
      return true
    },
  }),
}

const owning: Record<string, AnyFunction<BuiltinContext>> = {
  chown: defineFunction({
    doc: 'Gives a path another owner and group, by name or number. Returns a text when one of them is not there.',
    args: { path: param.text(), user: param.any(), group: param.any() },
    run: (context: BuiltinContext, { path, user, group }) => changeOwner(context, filePath(context, path), user, group),
  }),
  lchown: defineFunction({
    doc: 'Gives a path another owner and group, a link itself and not what it leads to.',
    args: { path: param.text(), user: param.any(), group: param.any() },
    run: (context: BuiltinContext, { path, user, group }) => changeOwner(context, filePath(context, path), user, group, false),
  }),
  chgrp: defineFunction({
    doc: 'Gives a path another group.',
    args: { path: param.text(), group: param.any() },
    async run(context: BuiltinContext, { path: given, group }) {
      const path = filePath(context, given)
      if (!(await isAnything(path))) throw new CommandExecutionError(`Path not found: ${path}`)
      return changeOwner(context, path, null, group)
    },
  }),
  set_mode: defineFunction({
    doc: 'Sets the mode of a path, in octal digits, and returns it.',
    args: { path: param.text(), mode: param.any() },
    run: (context: BuiltinContext, { path, mode }) => setMode(filePath(context, path), mode),
  }),
}

/** Functions that change files and directories as a whole. */
export const writeFunctions: Record<string, AnyFunction<BuiltinContext>> = { ...lineWriting, ...directories, ...moving, ...owning }
