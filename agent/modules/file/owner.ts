import { chmod, chown, lchown, stat } from 'node:fs/promises'
import { isTruthy, pythonStr } from '../../matchers/python-text.ts'
import type { Value } from '../../wire/value.ts'
import { findAccount, findGroup } from '../accounts.ts'
import { CommandExecutionError } from '../contract.ts'
import type { BuiltinContext } from '../services.ts'
import { withSystemWords } from '../system-errors.ts'
import { modeText } from './stats.ts'

/** What the system takes for "as it is". */
const unchanged = 0xffffffff

/** The number of a user, given as name or number; undefined when there is no such user, `unchanged` for none. */
async function userNumber(context: BuiltinContext, user: Value): Promise<number | undefined> {
  if (typeof user === 'number') return user
  return isTruthy(user) ? (await findAccount(context, pythonStr(user)))?.uid : unchanged
}

async function groupNumber(context: BuiltinContext, group: Value): Promise<number | undefined> {
  if (typeof group === 'number') return group
  return isTruthy(group) ? (await findGroup(context, pythonStr(group)))?.gid : unchanged
}

/**
 * Gives a path another owner and group (`follow`: what a link leads to; a link that leads nowhere is taken itself). An empty name leaves it
 * as it is. Resolves with Salt's text for what is not there, and null when it was done.
 *
 * @throws CommandExecutionError in the system's words
 */
export async function changeOwner(context: BuiltinContext, path: string, user: Value, group: Value, follow = true): Promise<string | null> {
  const [uid, gid] = [await userNumber(context, user), await groupNumber(context, group)]
  const texts = [...(uid === undefined ? ['User does not exist\n'] : []), ...(gid === undefined ? ['Group does not exist\n'] : [])]
  const isThere = (await stat(path).catch(() => undefined)) !== undefined
  if (uid !== undefined && gid !== undefined) {
    if (follow && isThere) await withSystemWords(path, chown(path, uid, gid))
    else if (!follow) await withSystemWords(path, lchown(path, uid, gid))
    else return lchown(path, uid, gid).then(() => null, () => 'File not found')
    return null
  }
  return texts.join('') + (follow && !isThere ? 'File not found' : '')
}

/** The bits of a mode in octal digits, with or without `0o`; undefined when it is none. */
export function modeBits(mode: Value): number | undefined {
  const digits = pythonStr(mode).replace(/^[0Oo]+/, '')
  if (digits === '') return 0
  return /^[0-7]{1,4}$/.test(digits) ? Number.parseInt(digits, 8) : undefined
}

/**
 * Sets owner, group and mode of what was just made; null leaves each as it is.
 *
 * @throws CommandExecutionError in Salt's words for what cannot be had
 */
export async function applyPermissions(context: BuiltinContext, path: string, wanted: { user: Value; group: Value; mode: Value }): Promise<void> {
  const { user, group, mode } = wanted
  const bits = mode === null ? undefined : modeBits(mode)
  if (mode !== null && bits === undefined) throw new CommandExecutionError(`Failed to change mode to ${pythonStr(mode)}`)
  const before = await withSystemWords(path, stat(path))
  const refused = isTruthy(user) || isTruthy(group) ? await changeOwner(context, path, user, group) : null
  if (refused?.startsWith('User') === true) throw new CommandExecutionError(`Failed to change user to ${pythonStr(user)}`)
  if (refused !== null) throw new CommandExecutionError(`Failed to change group to ${pythonStr(group)}`)
  // A change of the owner takes setuid and setgid away.
  await withSystemWords(path, chmod(path, bits ?? (before.mode & 0o7777)))
}

/** Sets a mode. Resolves with the new one, or Salt's text for one that is none. Throws CommandExecutionError when nothing is there. */
export async function setMode(path: string, mode: Value): Promise<string> {
  if ((await stat(path).catch(() => undefined)) === undefined) throw new CommandExecutionError(`${path}: File not found`)
  const bits = modeBits(mode)
  const done = bits !== undefined && (await chmod(path, bits).then(() => true, () => false))
  return done ? modeText((await withSystemWords(path, stat(path))).mode) : `Invalid Mode ${pythonStr(mode).replace(/^[0Oo]+/, '') || '0'}`
}
