/** The host's users (Salt: modules/useradd.py). */
import { readFile } from 'node:fs/promises'
import { pythonStr } from '../matchers/python-text.ts'
import { get } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import { allAccounts, allGroups, findAccount, findGroup, remoteGroups } from './accounts.ts'
import type { Account, GroupAccount } from './accounts.ts'
import { CommandExecutionError, defineFunction, defineModule, InvocationError, param } from './contract.ts'
import type { AnyFunction, ArgsOf } from './contract.ts'
import { runProgram } from './host/programs.ts'
import type { BuiltinContext } from './services.ts'
import { accountField, accountName, rootOption, runShadowTool } from './shadow-tools.ts'

const gecosFields = ['fullname', 'roomnumber', 'workphone', 'homephone', 'other'] as const
type GecosField = (typeof gecosFields)[number]

/** The names of a user's groups, sorted. */
function groupNames(account: Account, groups: readonly GroupAccount[]): string[] {
  const own = groups.filter((group) => group.gid === account.gid || group.members.includes(account.name))
  return [...new Set(own.map((group) => group.name))].toSorted((a, b) => (a < b ? -1 : 1))
}

function described(account: Account, groups: string[]): ValueObject {
  const parts = account.gecos.split(',')
  const gecos = gecosFields.map((field, at) => [field, (at === 4 ? parts.slice(4).join(',') : parts[at]) ?? ''])
  const { gid, home, name, passwd, shell, uid } = account
  return { gid, groups, home, name, passwd, shell, uid, ...(Object.fromEntries(gecos) as Record<GecosField, string>) }
}

async function findUser(context: BuiltinContext, name: string, root: string | null): Promise<Account | undefined> {
  return root === null ? findAccount(context, name) : (await allAccounts(context, root)).find((account) => account.name === name)
}

async function groupsOf(context: BuiltinContext, name: string): Promise<string[]> {
  const account = await findAccount(context, name)
  if (account === undefined) return []
  const listed = groupNames(account, await allGroups(context))
  const further = await Promise.all((await remoteGroups(context, name)).map(async (gid) => (await findGroup(context, gid))?.name))
  return [...new Set([...listed, ...further.filter((group) => group !== undefined)])].toSorted((a, b) => (a < b ? -1 : 1))
}

async function info(context: BuiltinContext, name: string, root: string | null): Promise<ValueObject> {
  const account = await findUser(context, name, root)
  return account === undefined ? {} : described(account, await groupsOf(context, name))
}

interface Change {
  name: string
  key: string
  value: string | number
  option: string
  root: string | null
  /** Further options. */
  more?: string[]
}

/** Changes one field. True when it then has the value. */
async function change(context: BuiltinContext, { name, key, value, option, root, more = [] }: Change): Promise<boolean> {
  const before = await info(context, accountName('name', name), root)
  if (get(before, 'name') === undefined) throw new CommandExecutionError(`User '${name}' does not exist`)
  if (get(before, key) === value) return true
  await runShadowTool(context, 'usermod', [...rootOption(root), ...more, option, String(value), name])
  // Salt looks for a renamed user under the old name, and so says False for what it did.
  return get(await info(context, key === 'name' ? String(value) : name, root), key) === value
}

/** Changes one part of the comment field. */
async function changeGecos(context: BuiltinContext, name: string, field: GecosField, value: string, root: string | null): Promise<boolean> {
  const before = await info(context, accountName('name', name), root)
  if (get(before, 'name') === undefined) throw new CommandExecutionError(`User '${name}' does not exist`)
  if (get(before, field) === value) return true
  const parts = gecosFields.map((one) => (one === field ? accountField(field, value) : pythonStr(get(before, one) ?? '')))
  await runShadowTool(context, 'usermod', [...rootOption(root), '-c', parts.join(',').replace(/,+$/, ''), name])
  return get(await info(context, name, root), field) === value
}

async function changeGroups(context: BuiltinContext, name: string, given: Value[], append: boolean, root: string | null): Promise<boolean> {
  const groups = given.map(pythonStr).filter((group) => group !== '').map((group) => accountName('group', group))
  const now = await groupsOf(context, accountName('name', name))
  if (now.length === new Set(groups).size && groups.every((group) => now.includes(group))) return true
  const report = await runShadowTool(context, 'usermod', [...rootOption(root), ...(append ? ['-a'] : []), '-G', groups.join(','), name])
  return report.retcode === 0
}

const addParams = {
  name: param.text(),
  uid: param.integer(null),
  gid: param.any(null),
  groups: param.list(null),
  home: param.text(null),
  shell: param.text(null),
  unique: param.boolean(true),
  system: param.boolean(false),
  fullname: param.text(''),
  roomnumber: param.text(''),
  workphone: param.text(''),
  homephone: param.text(''),
  other: param.text(''),
  createhome: param.boolean(true),
  loginclass: param.text(null),
  nologinit: param.boolean(false),
  root: param.text(null),
  usergroup: param.boolean(null),
  local: param.boolean(false),
}

type AddOptions = ArgsOf<typeof addParams>

/** Whether new users get a group of their own name, by /etc/login.defs. */
async function hasUserGroups(): Promise<boolean> {
  const text = await readFile('/etc/login.defs', 'utf8').catch(() => '')
  const line = text.split('\n').find((one) => one.slice(0, 15).includes('USERGROUPS_ENAB'))
  return line?.includes('yes') === true
}

async function addArguments(context: BuiltinContext, options: AddOptions): Promise<string[]> {
  const { name, uid, gid, groups, home, shell, usergroup, local } = options
  const args = [...(shell === null || shell === '' ? [] : ['-s', accountField('shell', shell)]), ...(uid === null ? [] : ['-u', String(uid)])]
  if (gid !== null && gid !== '') args.push('-g', accountName('gid', pythonStr(gid)))
  else if (usergroup === true && !local) args.push('-U')
  else if (usergroup !== true && groups?.includes(name) === true && (await hasUserGroups())) {
    const own = await findGroup(context, name)
    if (own !== undefined) args.push('-g', String(own.gid))
  }
  if (usergroup === false) args.push(local ? '-n' : '-N')
  if (!options.createhome) args.push('-M')
  else if (!local) args.push('-m')
  if (options.nologinit) args.push('-l')
  if (home !== null) args.push('-d', accountField('home', home))
  if (!options.unique) args.push('-o')
  if (options.system) args.push('-r')
  return [...args, ...(local ? [] : rootOption(options.root)), name]
}

async function addUser(context: BuiltinContext, options: AddOptions): Promise<boolean> {
  const { name, root, groups } = options
  accountName('name', name)
  const given = gecosFields.filter((field) => options[field] !== '')
  for (const field of given) accountField(field, options[field])
  for (const group of groups ?? []) accountName('group', pythonStr(group))
  const report = await runShadowTool(context, options.local ? 'luseradd' : 'useradd', await addArguments(context, options))
  if (report.retcode !== 0) return false
  if (groups !== null && groups.length > 0) await changeGroups(context, name, groups, false, root)
  for (const field of given) await changeGecos(context, name, field, options[field], root)
  return true
}

async function deleteUser(context: BuiltinContext, options: { name: string; remove: boolean; force: boolean; root: string | null; local: boolean }): Promise<boolean> {
  const { name, remove, force, root, local } = options
  const args = [...(remove ? ['-r'] : []), ...(force && !local ? ['-f'] : []), ...(local ? [] : rootOption(root)), accountName('name', name)]
  const report = await runShadowTool(context, local ? 'luserdel' : 'userdel', args)
  // userdel of Debian misses the mailbox that useradd did not make.
  const noMail = report.retcode === 12 && get(context.grains, 'os_family') === 'Debian' && /var\/(?:spool\/)?mail/.test(report.stderr)
  if (noMail) context.setRetcode(0)
  return report.retcode === 0 || noMail
}

const root = param.text(null)

const reading: Record<string, AnyFunction<BuiltinContext>> = {
  info: defineFunction({
    doc: 'Returns what is known of a user: numbers, home, shell, groups, names. An empty map when there is none.',
    args: { name: param.text(), root },
    run: (context: BuiltinContext, args) => info(context, args.name, args.root),
  }),
  getent: defineFunction({
    doc: 'Returns what is known of all users, as a list of maps like those of user.info.',
    args: { refresh: param.boolean(false), root },
    async run(context: BuiltinContext, args) {
      const groups = await allGroups(context, args.root)
      return (await allAccounts(context, args.root)).map((account) => described(account, groupNames(account, groups)))
    },
  }),
  list_users: defineFunction({
    doc: 'Lists the names of all users, sorted.',
    args: { root },
    run: async (context: BuiltinContext, args) => (await allAccounts(context, args.root)).map((account) => account.name).toSorted((a, b) => (a < b ? -1 : 1)),
  }),
  list_groups: defineFunction({
    doc: "Lists the names of a user's groups, sorted.",
    args: { name: param.text() },
    run: (context: BuiltinContext, { name }) => groupsOf(context, name),
  }),
  primary_group: defineFunction({
    doc: "Returns the name of a user's own group.",
    args: { name: param.text() },
    async run(context: BuiltinContext, { name }) {
      return (await runProgram(context, 'id', ['-g', '-n', '--', accountName('name', name)])).output
    },
  }),
  get_loginclass: defineFunction({
    doc: 'Returns False: only BSD systems have login classes.',
    args: { name: param.text() },
    run: () => false,
  }),
}

/** A function that changes a part of the comment field. */
function gecosFunction(field: GecosField, what: string): AnyFunction<BuiltinContext> {
  return defineFunction({
    doc: `Changes ${what} of a user. Returns True when it is so then.`,
    args: { name: param.text(), [field]: param.text(), root },
    run: (context: BuiltinContext, args) => changeGecos(context, args['name'], field, args[field] as string, args['root']),
  })
}

const changing: Record<string, AnyFunction<BuiltinContext>> = {
  add: defineFunction({
    doc: 'Makes a user with useradd. Returns True, or False when it was refused (the log says why).',
    args: addParams,
    run(context: BuiltinContext, args) {
      if (args.loginclass !== null) throw new InvocationError('loginclass: only BSD systems have login classes')
      return addUser(context, args)
    },
  }),
  delete: defineFunction({
    doc: 'Removes a user with userdel; remove=True with the home directory, force=True also one who is logged in.',
    args: { name: param.text(), remove: param.boolean(false), force: param.boolean(false), root, local: param.boolean(false) },
    run: (context: BuiltinContext, args) => deleteUser(context, args),
  }),
  chuid: defineFunction({
    doc: "Changes a user's number.",
    args: { name: param.text(), uid: param.integer(), root },
    run: (context: BuiltinContext, args) => change(context, { name: args.name, key: 'uid', value: args.uid, option: '-u', root: args.root }),
  }),
  chgid: defineFunction({
    doc: "Changes the number of a user's own group.",
    args: { name: param.text(), gid: param.integer(), root },
    run: (context: BuiltinContext, args) => change(context, { name: args.name, key: 'gid', value: args.gid, option: '-g', root: args.root }),
  }),
  chshell: defineFunction({
    doc: "Changes a user's shell.",
    args: { name: param.text(), shell: param.text(), root },
    run: (context: BuiltinContext, args) =>
      change(context, { name: args.name, key: 'shell', value: accountField('shell', args.shell), option: '-s', root: args.root }),
  }),
  chhome: defineFunction({
    doc: "Changes a user's home directory; persist=True moves what is in the old one.",
    args: { name: param.text(), home: param.text(), persist: param.boolean(false), root },
    run: (context: BuiltinContext, args) =>
      change(context, { name: args.name, key: 'home', value: accountField('home', args.home), option: '-d', root: args.root, more: args.persist ? ['-m'] : [] }),
  }),
  rename: defineFunction({
    doc: 'Gives a user another name.',
    args: { name: param.text(), new_name: param.text(), root },
    async run(context: BuiltinContext, args) {
      if ((await findUser(context, accountName('new_name', args.new_name), args.root)) !== undefined) {
        throw new CommandExecutionError(`User '${args.new_name}' already exists`)
      }
      return change(context, { name: args.name, key: 'name', value: args.new_name, option: '-l', root: args.root })
    },
  }),
  chgroups: defineFunction({
    doc: 'Sets the further groups of a user; append=True keeps those that the user is in.',
    args: { name: param.text(), groups: param.list(), append: param.boolean(false), root },
    run: (context: BuiltinContext, args) => changeGroups(context, args.name, args.groups, args.append, args.root),
  }),
  chfullname: gecosFunction('fullname', 'the full name'),
  chroomnumber: gecosFunction('roomnumber', 'the room number'),
  chworkphone: gecosFunction('workphone', 'the telephone number at work'),
  chhomephone: gecosFunction('homephone', 'the telephone number at home'),
  chother: gecosFunction('other', 'the rest of the comment field'),
}

export default defineModule<BuiltinContext>({
  name: 'user',
  virtual: ({ grains }) =>
    get(grains, 'kernel') === 'Linux' || 'useradd execution module not loaded: either pwd python library not available or system not one of Linux, OpenBSD, NetBSD or AIX',
  functions: { ...reading, ...changing },
})
