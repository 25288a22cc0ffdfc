/**
 * Running a program as another user, with all groups of that user.
 *
 * Node can set uid and gid of a child but not its supplementary groups (libuv clears them), so a helper of util-linux does
 * it: `setpriv --init-groups`, else `runuser` (which also opens a PAM session). Both only exec, so the program keeps the
 * pid, the process group and the descriptors that we gave it.
 */
import { readFile } from 'node:fs/promises'
import { CommandExecutionError, CommandNotFoundError } from './contract.ts'
import { findProgram } from './programs.ts'
import type { AgentServices } from './services.ts'

export interface UserEntry {
  name: string
  uid: number
  gid: number
  home: string
  shell: string
}

const userName = /^[A-Za-z_][A-Za-z0-9_.@\\-]*\$?$/
const groupName = /^[A-Za-z_][A-Za-z0-9_.-]*$/
const lookupTimeoutMs = 10_000
const lookupBytes = 64 * 1024

/**
 * The user's entry, from /etc/passwd or through the name services (`getent`).
 *
 * @throws CommandExecutionError in Salt's words when there is none.
 */
export async function findUser(name: string, agent: AgentServices): Promise<UserEntry> {
  const entry = userName.test(name) ? (parseEntry(name, await passwdFile()) ?? parseEntry(name, await getent(name, agent))) : undefined
  if (entry === undefined) throw new CommandExecutionError(`User '${name}' is not available`)
  return entry
}

/** The words to put before a command so that it runs as this user (and group). Empty when that is who the agent is. */
export async function runAsPrefix(user: UserEntry | undefined, group: string | undefined, agent: AgentServices): Promise<string[]> {
  if (group !== undefined && !groupName.test(group)) throw new CommandExecutionError(`Group '${group}' is not available`)
  if (group === undefined && (user === undefined || user.uid === agent.user.uid)) return []
  if (agent.user.uid !== 0) {
    throw new CommandExecutionError(`cannot run as '${user?.name ?? group ?? ''}': the minion runs as '${agent.user.name}', not as root`)
  }
  const path = agent.environment['PATH']
  const setpriv = await findProgram('setpriv', path)
  if (setpriv !== undefined && (await knowsInitGroups(setpriv, agent))) {
    const gid = group ?? (user === undefined ? undefined : String(user.gid))
    const identity = [...(user === undefined ? ['--keep-groups'] : [`--reuid=${user.uid}`, '--init-groups']), ...(gid === undefined ? [] : [`--regid=${gid}`])]
    return [setpriv, ...identity, '--']
  }
  const runuser = await findProgram('runuser', path)
  if (runuser === undefined || user === undefined) throw new CommandNotFoundError('setpriv or runuser (util-linux)')
  return [runuser, '-u', user.name, ...(group === undefined ? [] : ['-g', group]), '--']
}

/** BusyBox has a setpriv too, which cannot set groups. */
async function knowsInitGroups(setpriv: string, agent: AgentServices): Promise<boolean> {
  const { stdout, retcode } = await agent.command(lookup(setpriv, ['--version'], agent))
  return retcode === 0 && stdout.bytes.includes('util-linux')
}

async function passwdFile(): Promise<string> {
  try {
    return await readFile('/etc/passwd', 'utf8')
  } catch {
    return ''
  }
}

async function getent(name: string, agent: AgentServices): Promise<string> {
  const program = await findProgram('getent', agent.environment['PATH'])
  if (program === undefined) return ''
  const { stdout } = await agent.command(lookup(program, ['passwd', name], agent))
  return stdout.bytes.toString('utf8')
}

function lookup(file: string, args: string[], agent: AgentServices): Parameters<AgentServices['command']>[0] {
  return { file, args, cwd: '/', env: agent.environment, timeoutMs: lookupTimeoutMs, outputLimitBytes: lookupBytes }
}

function parseEntry(name: string, text: string): UserEntry | undefined {
  const line = text.split('\n').find((one) => one.startsWith(`${name}:`))
  const [, , uid = '', gid = '', , home = '', shell = ''] = line?.split(':') ?? []
  if (!/^[0-9]+$/.test(uid) || !/^[0-9]+$/.test(gid)) return undefined
  return { name, uid: Number(uid), gid: Number(gid), home: home === '' ? '/' : home, shell: shell === '' ? '/bin/sh' : shell }
}
