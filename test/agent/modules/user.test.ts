import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { createModuleBench } from './module-bench.ts'

const { result, run, directory } = createModuleBench(() => ({ grains: { kernel: 'Linux', os_family: 'Debian' } }))
const isRoot = process.getuid?.() === 0
const user = `brine-u${process.pid}`
const renamed = `brine-v${process.pid}`
const group = `brine-g${process.pid}`

function remove(program: string, name: string): void {
  try {
    execFileSync(program, [name], { stdio: 'ignore' })
  } catch {
    // It is gone already.
  }
}

afterAll(() => {
  for (const name of [user, renamed]) remove('/usr/sbin/userdel', name)
  for (const name of [group, user, renamed]) remove('/usr/sbin/groupdel', name)
})

describe('users and groups that are there', () => {
  test('info, as Salt has it', async () => {
    expect(await result('user.info', ['root'])).toMatchObject({
      gid: 0, uid: 0, home: '/root', name: 'root', passwd: 'x', groups: expect.arrayContaining(['root']) as unknown, fullname: 'root', roomnumber: '', other: '',
    })
    expect(await result('user.info', ['no_such_user'])).toEqual({})
    expect(await result('group.info', ['root'])).toMatchObject({ name: 'root', gid: 0, passwd: 'x' })
    expect(await result('group.info', ['no_such_group'])).toEqual({})
  })

  test('lists', async () => {
    const names = execFileSync('getent', ['passwd'], { encoding: 'utf8' }).trim().split('\n').map((line) => line.split(':')[0])

    expect(await result('user.list_users')).toEqual(names.toSorted((a, b) => ((a ?? '') < (b ?? '') ? -1 : 1)))
    expect(await result('user.getent')).toEqual(expect.arrayContaining([await result('user.info', ['root'])]))
    expect(await result('group.getent')).toEqual(expect.arrayContaining([await result('group.info', ['root'])]))
    expect(await result('user.list_groups', ['root'])).toContain('root')
    expect(await result('user.primary_group', ['root'])).toBe('root')
    expect(await run('user.primary_group', ['no_such_user'])).toMatchObject({ return: expect.stringContaining('no such user') as unknown, success: false })
    expect(await result('user.get_loginclass', ['root'])).toBe(false)
  })

  test("another system's, from its files", async () => {
    const root = mkdtempSync(join(tmpdir(), 'brine-root-'))
    mkdirSync(join(root, 'etc'))
    writeFileSync(join(root, 'etc', 'passwd'), 'eve:x:5:6:Eve,12,34,56,a,b:/eve:/bin/no\nbroken\n')
    writeFileSync(join(root, 'etc', 'group'), 'gang:x:6:\nmob:x:7:adam,eve\n')

    expect(await result('user.getent', [], { root })).toEqual([
      {
        gid: 6, groups: ['gang', 'mob'], home: '/eve', name: 'eve', passwd: 'x', shell: '/bin/no', uid: 5,
        fullname: 'Eve', roomnumber: '12', workphone: '34', homephone: '56', other: 'a,b',
      },
    ])
    expect(await result('group.info', ['mob'], { root })).toEqual({ name: 'mob', passwd: 'x', gid: 7, members: ['adam', 'eve'] })
    rmSync(root, { recursive: true })
  })
})

describe('what is refused', () => {
  test.each([
    ['user.add', ['--help'], "ERROR executing 'user.add': name must not begin with a dash: --help"],
    ['user.add', ['a:b'], "ERROR executing 'user.add': name must not have colons, commas, slashes or white space: a:b"],
    ['user.chuid', ['no_such_user', 5], "ERROR: User 'no_such_user' does not exist"],
    ['user.chshell', ['root', '/bin/sh\nevil::0:0::/:'], "ERROR executing 'user.chshell': shell must not have colons or line breaks: \"/bin/sh\\nevil::0:0::/:\""],
    ['user.rename', ['root', 'root'], "ERROR: User 'root' already exists"],
    ['user.delete', [''], "ERROR executing 'user.delete': name must not be empty"],
    ['group.add', ['-x'], "ERROR executing 'group.add': name must not begin with a dash: -x"],
    ['group.adduser', ['root', '-x'], "ERROR executing 'group.adduser': username must not begin with a dash: -x"],
  ])('%s %j', async (fun, args, expected) => {
    expect(await run(fun, args)).toMatchObject({ return: expected, success: false, retcode: 1 })
  })

  test('a relative root', async () => {
    expect(await result('user.delete', ['x'], { root: 'there' })).toBe("ERROR executing 'user.delete': root must be an absolute path, not there")
  })

  test('what a program refuses is False, with its retcode', async () => {
    expect(await run('user.delete', ['no_such_user'])).toMatchObject({ return: false, success: false, retcode: isRoot ? 6 : 1 })
    expect(await run('group.delete', ['no_such_group'])).toMatchObject({ return: false, success: false })
    expect(await result('group.deluser', ['root', 'no_such_user'])).toBe(true)
    expect(await result('group.chgid', ['no_such_group', 5])).toBe(false)
  })
})

test(`a user and a group from their making to their end${isRoot ? '' : ': not without root'}`, async () => {
  const home = join(directory, 'home')
  const made = await run('user.add', [user], { home, shell: '/bin/false', fullname: 'Brine Test', createhome: true, usergroup: true })

  expect(made).toMatchObject({ return: isRoot, success: isRoot })
  if (!isRoot) return
  expect(existsSync(home)).toBe(true)
  expect(await result('user.info', [user])).toMatchObject({ home, shell: '/bin/false', fullname: 'Brine Test', groups: [user] })
  expect(await run('user.add', [user])).toMatchObject({ return: false, retcode: 9 })
  expect(await result('group.add', [group])).toBe(true)
  expect(await result('group.adduser', [group, user])).toBe(true)
  expect(await result('group.info', [group])).toMatchObject({ members: [user] })
  expect(await result('group.deluser', [group, user])).toBe(true)
  expect(await result('group.members', [group, [user]])).toBe(true)
  expect(await result('user.list_groups', [user])).toEqual([group, user])
  expect(await result('user.chgroups', [user, ''])).toBe(true)
  expect(await result('user.list_groups', [user])).toEqual([user])
  expect(await result('user.chgroups', [user, [group]])).toBe(true)
  expect(await result('user.chshell', [user, '/bin/true'])).toBe(true)
  expect(await result('user.chhome', [user, `${home}2`], { persist: true })).toBe(true)
  expect(existsSync(`${home}2`)).toBe(true)
  expect(await result('user.chfullname', [user, 'Somebody'])).toBe(true)
  expect(await result('user.chroomnumber', [user, '12'])).toBe(true)
  expect(await result('user.info', [user])).toMatchObject({ fullname: 'Somebody', roomnumber: '12', shell: '/bin/true' })
  expect(await result('user.rename', [user, renamed])).toBe(true)
  expect(await result('user.delete', [renamed], { remove: true })).toBe(true)
  expect(existsSync(`${home}2`)).toBe(false)
  expect(await result('group.delete', [group])).toBe(true)
  expect(await result('user.info', [renamed])).toEqual({})
})

test('elsewhere than on Linux both say why they are not there', async () => {
  const bsd = { kernel: 'FreeBSD' }
  const { default: users } = await import('../../../agent/modules/user.ts')
  const { default: groups } = await import('../../../agent/modules/group.ts')
  const context = { grains: bsd } as unknown as Parameters<NonNullable<typeof users.virtual>>[0]

  expect(await users.virtual?.(context)).toBe('useradd execution module not loaded: either pwd python library not available or system not one of Linux, OpenBSD, NetBSD or AIX')
  expect(await groups.virtual?.(context)).toContain('only available on Linux')
})
