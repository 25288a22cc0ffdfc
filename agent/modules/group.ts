/** The host's groups (Salt: modules/groupadd.py). */
import { pythonStr } from '../matchers/python-text.ts'
import { get } from '../wire/value.ts'
import type { ValueObject } from '../wire/value.ts'
import { allGroups, findGroup } from './accounts.ts'
import type { GroupAccount } from './accounts.ts'
import { defineFunction, defineModule, param } from './contract.ts'
import type { BuiltinContext } from './services.ts'
import { accountName, rootOption, runShadowTool } from './shadow-tools.ts'

function described({ name, passwd, gid, members }: GroupAccount): ValueObject {
  return { name, passwd, gid, members }
}

async function find(context: BuiltinContext, name: string, root: string | null): Promise<GroupAccount | undefined> {
  return root === null ? findGroup(context, name) : (await allGroups(context, root)).find((group) => group.name === name)
}

/** True when the program was content. */
async function succeeds(context: BuiltinContext, program: string, args: string[]): Promise<boolean> {
  return (await runShadowTool(context, program, args)).retcode === 0
}

interface Addition {
  name: string
  gid: number | null
  system: boolean
  root: string | null
  non_unique: boolean
  local: boolean
}

function addGroup(context: BuiltinContext, { name, gid, system, root: within, non_unique: nonUnique, local }: Addition): Promise<boolean> {
  const number = gid === null || gid === 0 ? [] : ['-g', String(gid), ...(nonUnique && !local ? ['-o'] : [])]
  return succeeds(context, local ? 'lgroupadd' : 'groupadd', [...number, ...(system ? ['-r'] : []), ...(local ? [] : rootOption(within)), accountName('name', name)])
}

const root = param.text(null)
const member = { name: param.text(), username: param.text(), root }

export default defineModule<BuiltinContext>({
  name: 'group',
  virtual: ({ grains }) => get(grains, 'kernel') === 'Linux' || 'The groupadd execution module cannot be loaded:  only available on Linux, OpenBSD and NetBSD',
  functions: {
    info: defineFunction({
      doc: 'Returns name, number, password field and members of a group. An empty map when there is none.',
      args: { name: param.text(), root },
      async run(context: BuiltinContext, args) {
        const group = await find(context, args.name, args.root)
        return group === undefined ? {} : described(group)
      },
    }),
    getent: defineFunction({
      doc: 'Returns what is known of all groups, as a list of maps like those of group.info.',
      args: { refresh: param.boolean(false), root },
      run: async (context: BuiltinContext, args) => (await allGroups(context, args.root)).map(described),
    }),
    add: defineFunction({
      doc: 'Makes a group with groupadd. Returns True, or False when it was refused (the log says why).',
      args: { name: param.text(), gid: param.integer(null), system: param.boolean(false), root, non_unique: param.boolean(false), local: param.boolean(false) },
      run: (context: BuiltinContext, args) => addGroup(context, args),
    }),
    delete: defineFunction({
      doc: 'Removes a group with groupdel. Returns True, or False when it was refused.',
      args: { name: param.text(), root, local: param.boolean(false) },
      run: (context: BuiltinContext, args) =>
        succeeds(context, args.local ? 'lgroupdel' : 'groupdel', [...(args.local ? [] : rootOption(args.root)), accountName('name', args.name)]),
    }),
    chgid: defineFunction({
      doc: "Changes a group's number. Returns True when it is so then.",
      args: { name: param.text(), gid: param.integer(), root, non_unique: param.boolean(false) },
      async run(context: BuiltinContext, args) {
        const before = await find(context, accountName('name', args.name), args.root)
        if (before === undefined) return false
        if (before.gid === args.gid) return true
        await runShadowTool(context, 'groupmod', [...rootOption(args.root), ...(args.non_unique ? ['-o'] : []), '-g', String(args.gid), args.name])
        return (await find(context, args.name, args.root))?.gid === args.gid
      },
    }),
    adduser: defineFunction({
      doc: 'Puts a user into a group. Returns True, or False when it was refused.',
      args: member,
      run: (context: BuiltinContext, args) =>
        succeeds(context, 'gpasswd', [...rootOption(args.root, '--root'), '--add', accountName('username', args.username), accountName('name', args.name)]),
    }),
    deluser: defineFunction({
      doc: 'Takes a user out of a group. Returns True, also when the user was not in it.',
      args: member,
      async run(context: BuiltinContext, args) {
        const group = await find(context, args.name, null)
        if (group?.members.includes(args.username) !== true) return true
        return succeeds(context, 'gpasswd', [...rootOption(args.root, '--root'), '--del', accountName('username', args.username), accountName('name', args.name)])
      },
    }),
    members: defineFunction({
      doc: 'Sets the members of a group: a list, or a text with commas. Returns True, or False when it was refused.',
      args: { name: param.text(), members_list: param.list(), root },
      run(context: BuiltinContext, args) {
        const members = args.members_list.map(pythonStr).filter((name) => name !== '').map((name) => accountName('members_list', name))
        return succeeds(context, 'gpasswd', [...rootOption(args.root, '--root'), '--members', members.join(','), accountName('name', args.name)])
      },
    }),
  },
})
