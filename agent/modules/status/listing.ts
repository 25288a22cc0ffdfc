import type { Value, ValueObject } from '../../wire/value.ts'
import { regexSearchEach } from '../../matchers/python-regex.ts'
import { globMatch } from '../../matchers/glob.ts'
import { CommandExecutionError, InvocationError } from '../contract.ts'
import type { BuiltinContext } from '../services.ts'
import { namesById } from '../host/accounts.ts'
import { readText } from '../host/files.ts'
import { logins } from '../host/logins.ts'
import { mounts, spaceOf } from '../host/mounts.ts'
import { processArguments, processIds, processStat, processUser } from '../host/processes.ts'

/** Characters of a process's line in which a pattern is looked for. */
const lineLength = 4096

interface Listed {
  pid: number
  ppid: number
  user: string
  /** The arguments, or the kernel's name in brackets. */
  command: string
}

/** All processes with their users and commands, as `ps -ef` shows them. */
export async function listedProcesses(): Promise<Listed[]> {
  const users = await namesById('/etc/passwd')
  const found: Listed[] = []
  for (const pid of await processIds()) {
    const [stat, uid, args] = await Promise.all([processStat(pid), processUser(pid), processArguments(pid)])
    if (stat === undefined || uid === undefined) continue
    const bracketed = `[${stat.comm}]${stat.state === 'Z' ? ' <defunct>' : ''}`
    found.push({ pid, ppid: stat.ppid, user: users.get(uid) ?? uid, command: args.length === 0 ? bracketed : args.join(' ').replaceAll(/\s+/g, ' ').trim() })
  }
  return found
}

/** status.procs: pid → {user, cmd}. */
export async function processMap(): Promise<Map<Value, Value>> {
  return new Map((await listedProcesses()).map(({ pid, user, command }) => [String(pid), { user, cmd: command }]))
}

/**
 * status.pid: the numbers of the processes whose line (user, pid, parent, command) the pattern matches, one a line.
 *
 * @throws InvocationError for a pattern that cannot be used.
 */
export async function matchingPids(pattern: string): Promise<string> {
  const others = (await listedProcesses()).filter(({ pid }) => pid !== process.pid)
  const matches = regexSearchEach(pattern, others.map(({ pid, ppid, user, command }) => `${user} ${pid} ${ppid} ${command}`.slice(0, lineLength)))
  if (matches === undefined) throw new InvocationError(`the pattern is not valid, or takes too long: '${pattern}'`)
  return others.filter((_process, at) => matches[at]).map(({ pid }) => pid).join('\n')
}

/**
 * status.uptime: seconds, since when, days and the rest as hours and minutes, and how many are logged in.
 *
 * @throws CommandExecutionError in Salt's words without /proc/uptime.
 */
export async function uptime(now: number): Promise<ValueObject> {
  const text = await readText('/proc/uptime')
  if (text === undefined) throw new CommandExecutionError('File /proc/uptime was not found.')
  const seconds = Math.trunc(Number(text.split(' ')[0]))
  const since = now - seconds * 1000
  const rest = seconds % 86_400
  return {
    seconds,
    since_iso: new Date(since).toISOString().replace('Z', '000'),
    since_t: Math.floor(since / 1000),
    days: Math.floor(seconds / 86_400),
    time: `${Math.floor(rest / 3600)}:${Math.floor((rest % 3600) / 60)}`,
    users: (await logins()).length,
  }
}

/** status.diskusage: path → {available, total} in bytes, of the paths given and of the mounts whose type one of the patterns matches. */
export async function diskUsage(context: BuiltinContext, args: readonly string[]): Promise<ValueObject> {
  const table = await mounts()
  const patterns = args.length === 0 ? ['*'] : args.filter((arg) => !arg.startsWith('/'))
  const chosen = table.filter(({ type }) => patterns.some((pattern) => globMatch(type, pattern))).map(({ path }) => path)
  const found = Object.create(null) as ValueObject
  for (const path of new Set([...args.filter((arg) => arg.startsWith('/')), ...chosen])) {
    const named = args.includes(path)
    try {
      const { blockBytes, blocks, available } = await spaceOf(context, path.replaceAll('\\040', ' '), table)
      found[path] = { available: available * blockBytes, total: blocks * blockBytes }
    } catch (error) {
      if (named) throw error
      context.log.warn({ path, error: String(error) }, 'the room of a mount could not be read')
    }
  }
  return found
}
