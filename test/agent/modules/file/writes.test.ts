import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { createModuleBench } from '../module-bench.ts'

const { directory, result, run } = createModuleBench()
let number = 0
let base = ''
const at = (...parts: string[]) => join(base, ...parts)
const modeOf = (path: string) => (statSync(path).mode & 0o7777).toString(8)

beforeEach(() => {
  base = join(directory, String(++number))
  mkdirSync(at('d', 'sub'), { recursive: true })
  writeFileSync(at('f'), 'abc')
  writeFileSync(at('d', 'one'), '1')
  chmodSync(at('f'), 0o640)
})

describe('lines and times', () => {
  test('write, append, prepend', async () => {
    expect(await result('file.append', [at('f'), 'x', 5])).toBe(`Wrote 2 lines to "${at('f')}"`)
    expect(readFileSync(at('f'), 'utf8')).toBe('abc\nx\n5\n')
    expect(await result('file.prepend', [at('f'), 'y'])).toBe(`Prepended 1 lines to "${at('f')}"`)
    expect(readFileSync(at('f'), 'utf8')).toBe('y\nabc\nx\n5\n')
    expect(await result('file.write', [at('f')], { args: ['a', 'b'] })).toBe(`Wrote 2 lines to "${at('f')}"`)
    expect(readFileSync(at('f'), 'utf8')).toBe('a\nb\n')
    expect(modeOf(at('f'))).toBe('640')
    expect(readdirSync(base).toSorted((a, b) => (a < b ? -1 : 1))).toEqual(['d', 'f'])
  })

  test('writing goes through links, and into devices', async () => {
    symlinkSync('f', at('l'))
    symlinkSync('new', at('dangling'))

    await run('file.write', [at('l'), 'x'])
    await run('file.write', [at('dangling'), 'y'])

    expect(readlinkSync(at('l'))).toBe('f')
    expect(readFileSync(at('f'), 'utf8')).toBe('x\n')
    expect(readFileSync(at('new'), 'utf8')).toBe('y\n')
    expect(await result('file.write', ['/dev/null', 'x'])).toBe('Wrote 1 lines to "/dev/null"')
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true)
  })

  test('touch and truncate', async () => {
    expect(await result('file.touch', [at('new')])).toBe(true)
    expect(readFileSync(at('new'), 'utf8')).toBe('')
    expect(await result('file.touch', [at('f'), 5, 6])).toBe(true)
    expect([statSync(at('f')).atimeMs, statSync(at('f')).mtimeMs]).toEqual([5000, 6000])
    expect(await result('file.touch', [at('f'), 'x'])).toBe("ERROR executing 'file.touch': atime and mtime must be integers")
    expect(await result('file.touch', ['/no/such/x'])).toBe('ERROR: No such file or directory')
    expect(await result('file.truncate', [at('f'), 1])).toBe(null)
    expect(readFileSync(at('f'), 'utf8')).toBe('a')
    expect(await result('file.append', ['/no/such', 'x'])).toBe("ERROR: [Errno 2] No such file or directory: '/no/such'")
  })
})

describe('directories', () => {
  test('are made with those above them', async () => {
    expect(await result('file.mkdir', [at('a', 'b')], { mode: '0711' })).toBe(true)
    expect([modeOf(at('a')), modeOf(at('a', 'b'))]).toEqual(['711', '711'])
    expect(await result('file.makedirs', [at('m', 'n', 'file')])).toBe(null)
    expect(existsSync(at('m', 'n', 'file'))).toBe(false)
    expect(await result('file.makedirs', [at('m', 'n', 'file')])).toBe(`Directory '${at('m', 'n')}' already exists`)
    expect(await result('file.makedirs', [at('f', 'x')])).toBe(`The path '${at('f')}' already exists and is not a directory`)
    expect(await result('file.makedirs_perms', [at('p', 'q')])).toBe(null)
    expect(modeOf(at('p', 'q'))).toBe('755')
    expect(await result('file.makedirs_perms', [at('p')])).toBe(`ERROR: [Errno 17] File exists: '${at('p')}'`)
    expect(await result('file.mkdir', [at('z')], { user: 'no_such_user' })).toBe('ERROR: Failed to change user to no_such_user')
  })

  test('are removed when they are empty', async () => {
    expect(await result('file.rmdir', [at('d')])).toBe(false)
    expect(await result('file.rmdir', [at('d')], { recurse: true, verbose: true })).toEqual({
      deleted: [at('d', 'sub')], errors: [[at('d'), `[Errno 39] Directory not empty: '${at('d')}'`]], result: false,
    })
    expect(await result('file.rmdir', [at('f')])).toBe("ERROR executing 'file.rmdir': A valid directory was not specified.")
  })
})

describe('moving and linking', () => {
  test('rename, move, remove', async () => {
    expect(await result('file.rename', [at('f'), at('g')])).toBe(true)
    expect(await result('file.move', [at('g'), at('d')])).toEqual({ result: true, comment: `'${at('g')}' moved to '${at('d')}'` })
    expect(readFileSync(at('d', 'g'), 'utf8')).toBe('abc')
    expect(await result('file.rename', [at('d', 'g'), '/no/such/x'])).toBe(`ERROR: Could not rename '${at('d', 'g')}' to '/no/such/x'`)
    expect(await result('file.move', [at('f'), at('h')])).toBe(`ERROR: Unable to move '${at('f')}' to '${at('h')}': [Errno 2] No such file or directory: '${at('f')}'`)
    expect(await result('file.remove', [at('d')])).toBe(true)
    expect(await result('file.remove', [at('d')])).toBe(false)
    expect(await result('file.remove', ['/'])).toBe("ERROR: Could not remove '/': it is all of this host")
    expect(await result('file.remove', ['/tmp/..'])).toBe("ERROR: Could not remove '/tmp/..': it is all of this host")
  })

  test('removing a link to a directory leaves the directory', async () => {
    symlinkSync('d', at('l'))

    expect(await result('file.remove', [at('l')])).toBe(true)
    expect(existsSync(at('d', 'one'))).toBe(true)
  })

  test('copy', async () => {
    expect(await result('file.copy', [at('f'), at('g')])).toBe(true)
    expect([readFileSync(at('g'), 'utf8'), modeOf(at('g'))]).toEqual(['abc', '640'])
    expect(await result('file.copy', [at('d'), at('e')])).toBe(
      "ERROR executing 'file.copy': Cannot copy overwriting a directory without recurse flag set to true!",
    )
    expect(await result('file.copy', [at('d'), at('e')], { recurse: true })).toBe(true)
    expect(readFileSync(at('e', 'one'), 'utf8')).toBe('1')
    expect(await result('file.copy', [at('d'), at('d', 'sub', 'x')], { recurse: true })).toBe(`ERROR: Could not copy '${at('d')}' to '${at('d', 'sub', 'x')}'`)
    expect(await result('file.copy', ['/no/such', at('x')])).toBe("ERROR: No such file or directory '/no/such'")
  })

  test('links', async () => {
    expect(await result('file.symlink', ['d/one', at('l')])).toBe(true)
    expect(await result('file.symlink', ['d/./one', at('l')])).toBe(true)
    expect(await result('file.symlink', ['f', at('l')])).toBe(`ERROR: Found existing symlink: ${at('l')}`)
    expect(await result('file.symlink', ['f', at('l')], { force: true })).toBe(true)
    expect(readlinkSync(at('l'))).toBe('f')
    expect(await result('file.symlink', ['d', at('l')], { atomic: true })).toBe(true)
    expect(readlinkSync(at('l'))).toBe('d')
    expect(await result('file.symlink', ['x', at('f')])).toBe(`ERROR: Existing path is not a symlink: ${at('f')}`)
    expect(await result('file.symlink', ['x', 'rel'])).toBe("ERROR executing 'file.symlink': Link path must be absolute: rel")
    expect(await result('file.link', [at('f'), at('hard')])).toBe(true)
    expect(lstatSync(at('hard')).ino).toBe(lstatSync(at('f')).ino)
    expect(await result('file.link', [at('f'), '/no/such/x'])).toBe(
      `ERROR: Could not create '/no/such/x': [Errno 2] No such file or directory: '${at('f')}' -> '/no/such/x'`,
    )
  })
})

describe('modes and owners', () => {
  test('set_mode', async () => {
    expect(await result('file.set_mode', [at('f'), '0600'])).toBe('0600')
    expect(await result('file.set_mode', [at('f'), '0o4755'])).toBe('4755')
    expect(await result('file.set_mode', [at('f'), '99'])).toBe('Invalid Mode 99')
    expect(await result('file.set_mode', ['/no/such', '600'])).toBe('ERROR: /no/such: File not found')
  })

  test('chown and chgrp say who is not there', async () => {
    expect(await result('file.chown', [at('f'), 'no_such', 'no_such'])).toBe('User does not exist\nGroup does not exist\n')
    expect(await result('file.chown', ['/no/such', 'root', 'root'])).toBe('File not found')
    expect(await result('file.chgrp', ['/no/such', 'root'])).toBe('ERROR: Path not found: /no/such')
  })

  test('chown changes owner and group where the agent is root, and says why not elsewhere', async () => {
    const root = process.getuid?.() === 0
    const answer = await result('file.chown', [at('f'), 'nobody', ''])

    expect(answer).toBe(root ? null : `ERROR: [Errno 1] Operation not permitted: '${at('f')}'`)
    expect(await result('file.get_user', [at('f')])).toBe(root ? 'nobody' : await result('file.uid_to_user', [process.getuid?.() ?? 0]))
  })
})
