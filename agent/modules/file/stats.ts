import { lstat, realpath, stat } from 'node:fs/promises'
import type { Stats } from 'node:fs'
import { findAccount, findGroup } from '../accounts.ts'
import { CommandExecutionError, InvocationError } from '../contract.ts'
import { hashNamed, hashOfFile } from '../hashes.ts'
import type { BuiltinContext } from '../services.ts'
import { withSystemWords } from '../system-errors.ts'
import { Float } from '../../wire/value.ts'
import type { Value, ValueObject } from '../../wire/value.ts'
import { normalPath } from './paths.ts'

/** A mode as Salt writes it: `0644`. */
export function modeText(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0')
}

/** A time of a file in seconds, always a float. */
export function seconds(milliseconds: number): Value {
  const value = milliseconds / 1000
  return Number.isInteger(value) ? new Float(value) : value
}

/** The name of a user; the number when it has none. */
export async function userName(context: BuiltinContext, uid: number): Promise<string | number> {
  return (await findAccount(context, uid))?.name ?? uid
}

/** The name of a group; the number when it has none. */
export async function groupName(context: BuiltinContext, gid: number): Promise<string | number> {
  return (await findGroup(context, gid))?.name ?? gid
}

/** What a path is, or where its link leads; the link itself when it leads nowhere. Undefined when nothing is there. */
export async function statOrLink(path: string, follow = true): Promise<Stats | undefined> {
  const followed = follow ? await stat(path).catch(() => undefined) : undefined
  return followed ?? lstat(path).catch(() => undefined)
}

/**
 * What `file.stats` returns.
 *
 * @throws CommandExecutionError in Salt's words when nothing is there
 */
export async function describePath(context: BuiltinContext, path: string, options: { hashType?: string | null; follow: boolean }): Promise<ValueObject> {
  const found = await statOrLink(path, options.follow)
  if (found === undefined) throw new CommandExecutionError(`Path not found: ${path}`)
  const hashType = options.hashType ?? ''
  return {
    inode: found.ino,
    uid: found.uid,
    gid: found.gid,
    group: await groupName(context, found.gid),
    user: await userName(context, found.uid),
    atime: seconds(found.atimeMs),
    mtime: seconds(found.mtimeMs),
    ctime: seconds(found.ctimeMs),
    size: found.size,
    mode: modeText(found.mode),
    ...(hashType !== '' && { sum: await hashOfPath(context, path, hashType) }),
    type: typeOf(found),
    target: options.follow ? await realpath(path).catch(() => normalPath(path)) : normalPath(path),
  }
}

/**
 * The hash of a file.
 *
 * @throws InvocationError for an unknown kind of hash; CommandExecutionError in the system's words
 */
export async function hashOfPath(context: BuiltinContext, path: string, form: string): Promise<string> {
  const hash = hashNamed(form)
  if (hash === undefined) throw new InvocationError(`Invalid hash type: ${form}`)
  return withSystemWords(path, hashOfFile(path, hash, context.signal))
}

function typeOf(found: Stats): string {
  if (found.isDirectory()) return 'dir'
  if (found.isCharacterDevice()) return 'char'
  if (found.isBlockDevice()) return 'block'
  if (found.isSymbolicLink()) return 'link'
  if (found.isFIFO()) return 'pipe'
  return found.isSocket() ? 'socket' : 'file'
}
