/** The host's users and groups: from /etc, and from the name services (`getent`) what is not there. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CommandNotFoundError } from './contract.ts'
import { runProgram } from './host/programs.ts'
import type { BuiltinContext } from './services.ts'

/** A line of passwd(5). */
export interface Account {
  name: string
  passwd: string
  uid: number
  gid: number
  gecos: string
  home: string
  shell: string
}

/** A line of group(5). */
export interface GroupAccount {
  name: string
  passwd: string
  gid: number
  members: string[]
}

const lookupTimeoutMs = 20_000
const looksSafe = /^[A-Za-z0-9_.][A-Za-z0-9_.@$+ -]*$/

/** All users the host can list; with a root those of the system that is there, from its files alone. */
export async function allAccounts(context: BuiltinContext, root: string | null = null): Promise<Account[]> {
  return parseAccounts(root === null ? await listing(context, 'passwd') : await localFile('passwd', root))
}

/** All groups the host can list; with a root those of the system that is there, from its files alone. */
export async function allGroups(context: BuiltinContext, root: string | null = null): Promise<GroupAccount[]> {
  return parseGroups(root === null ? await listing(context, 'group') : await localFile('group', root))
}

/** The numbers of all groups of a user who is in none of the host's files, as the name services say. */
export async function remoteGroups(context: BuiltinContext, name: string): Promise<number[]> {
  if (!looksSafe.test(name)) return []
  const [, ...numbers] = ((await getent(context, ['initgroups', name])) ?? '').split(/\s+/)
  return numbers.filter((number) => /^\d+$/.test(number)).map(Number)
}

/** A user by name or number; undefined when there is none. */
export async function findAccount(context: BuiltinContext, key: string | number): Promise<Account | undefined> {
  const matches = (account: Account) => (typeof key === 'number' ? account.uid === key : account.name === key)
  return parseAccounts(await localFile('passwd')).find(matches) ?? parseAccounts(await asked(context, 'passwd', key)).find(matches)
}

/** A group by name or number; undefined when there is none. */
export async function findGroup(context: BuiltinContext, key: string | number): Promise<GroupAccount | undefined> {
  const matches = (group: GroupAccount) => (typeof key === 'number' ? group.gid === key : group.name === key)
  return parseGroups(await localFile('group')).find(matches) ?? parseGroups(await asked(context, 'group', key)).find(matches)
}

/** The lines of passwd(5). What is no such line is passed over. */
export function parseAccounts(text: string): Account[] {
  return rows(text).flatMap(([name = '', passwd = '', uid = '', gid = '', gecos = '', home = '', shell = '']) =>
    name !== '' && /^\d+$/.test(uid) && /^\d+$/.test(gid) ? [{ name, passwd, uid: Number(uid), gid: Number(gid), gecos, home, shell }] : [],
  )
}

/** The lines of group(5). What is no such line is passed over. */
export function parseGroups(text: string): GroupAccount[] {
  return rows(text).flatMap(([name = '', passwd = '', gid = '', members = '']) =>
    name !== '' && /^\d+$/.test(gid) ? [{ name, passwd, gid: Number(gid), members: members.split(',').filter((member) => member !== '') }] : [],
  )
}

function rows(text: string): string[][] {
  return text.split('\n').map((line) => line.split(':'))
}

async function localFile(database: 'passwd' | 'group', root = '/'): Promise<string> {
  return readFile(join(root, 'etc', database), 'utf8').catch(() => '')
}

async function asked(context: BuiltinContext, database: 'passwd' | 'group', key: string | number): Promise<string> {
  if (typeof key === 'string' && !looksSafe.test(key)) return ''
  return (await getent(context, [database, String(key)])) ?? ''
}

async function listing(context: BuiltinContext, database: 'passwd' | 'group'): Promise<string> {
  return (await getent(context, [database])) ?? localFile(database)
}

/** Undefined where there is no such program. */
async function getent(context: BuiltinContext, args: string[]): Promise<string | undefined> {
  try {
    return (await runProgram(context, 'getent', args, { timeoutMs: lookupTimeoutMs, ignoreRetcode: true })).stdout
  } catch (error) {
    if (error instanceof CommandNotFoundError) return undefined
    throw error
  }
}
