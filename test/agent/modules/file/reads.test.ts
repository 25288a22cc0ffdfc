import { execFileSync } from 'node:child_process'
import { chmodSync, linkSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { Float } from '../../../../agent/wire/value.ts'
import { createModuleBench } from '../module-bench.ts'

const { directory, result, run } = createModuleBench(() => ({ outputLimitBytes: 100_000 }))
const at = (...parts: string[]) => join(directory, 'tree', ...parts)

beforeAll(() => {
  mkdirSync(at('d', 'sub'), { recursive: true })
  writeFileSync(at('f'), 'abc')
  writeFileSync(at('d', 'one'), 'two\nabc\n')
  writeFileSync(at('d', 'sub', 'two.txt'), 'x'.repeat(3000))
  symlinkSync('one', at('d', 'good'))
  symlinkSync('/no/such', at('d', 'broken'))
  linkSync(at('f'), at('d', 'name'))
  chmodSync(at('f'), 0o640)
  utimesSync(at('d', 'one'), 1_000_000_000, 1_000_000_000)
})

describe('questions about paths', () => {
  test('what is there', async () => {
    expect(await result('file.file_exists', [at('f')])).toBe(true)
    expect(await result('file.file_exists', [at('d')])).toBe(false)
    expect(await result('file.directory_exists', [at('d')])).toBe(true)
    expect(await result('file.path_exists_glob', [at('*', 'o?[e]')])).toBe(true)
    expect(await result('file.path_exists_glob', [at('*', 'zz*')])).toBe(false)
    expect(await result('file.is_link', [at('d', 'broken')])).toBe(true)
    expect(await result('file.is_hardlink', [at('f')])).toBe(true)
    expect(await result('file.is_chrdev', ['/dev/null'])).toBe(true)
    expect(await result('file.get_devmm', ['/dev/null'])).toEqual([1, 3])
    expect(await result('file.access', [at('f'), 'r'])).toBe(true)
    expect(await result('file.access', [at('f'), 'q'])).toBe("ERROR executing 'file.access': Invalid mode specified.")
  })

  test('stats', async () => {
    expect(await result('file.stats', [at('d', 'one'), 'md5'])).toMatchObject({
      user: execFileSync('id', ['-un'], { encoding: 'utf8' }).trim(),
      uid: process.getuid?.() ?? 0,
      size: 8,
      mtime: new Float(1_000_000_000),
      type: 'file',
      sum: await result('file.get_hash', [at('d', 'one'), 'md5']),
      target: at('d', 'one'),
    })
    expect(await result('file.stats', [at('d', 'good')], { follow_symlinks: false })).toMatchObject({ type: 'link', target: at('d', 'good') })
    expect(await result('file.stats', [at('d', 'broken')])).toMatchObject({ type: 'link' })
    expect(await result('file.get_mode', [at('f')])).toBe('0640')
    expect(await run('file.stats', ['/no/such'])).toMatchObject({ return: 'ERROR: Path not found: /no/such', success: false })
    expect(await result('file.lstat', ['/no/such'])).toEqual({})
    expect(await result('file.diskusage', [at()])).toBe(3 + 8 + 3000)
  })

  test('names of users and groups', async () => {
    expect(await result('file.user_to_uid', ['root'])).toBe(0)
    expect(await result('file.uid_to_user', [0])).toBe('root')
    expect(await result('file.uid_to_user', [4_000_000])).toBe(4_000_000)
    expect(await result('file.group_to_gid', ['no_such_group'])).toBe('')
    expect(await result('file.gid_to_group', [0])).toBe('root')
  })

  test('parts of paths', async () => {
    expect(await result('file.dirname', ['/a//b'])).toBe('/a')
    expect(await result('file.basename', ['/a/b/'])).toBe('')
    expect(await result('file.normpath', ['//a/../b/'])).toBe('//b')
    expect(await result('file.normpath', ['/../a/./b/..'])).toBe('/a')
    expect(await result('file.join', ['/a', 'b', '/c', 'd'])).toBe('/c/d')
    expect(await result('file.pardir')).toBe('..')
  })

  test.each([
    ['file.read', 'rel', "ERROR executing 'file.read': File path must be absolute: rel"],
    ['file.file_exists', 'a\0b', "ERROR executing 'file.file_exists': embedded null byte"],
    ['file.read', '/no/such', "ERROR: [Errno 2] No such file or directory: '/no/such'"],
    ['file.read', '/etc', "ERROR: [Errno 21] Is a directory: '/etc'"],
    ['file.read', '/dev/zero', 'ERROR: /dev/zero is no regular file'],
    ['file.readdir', '/no/such', "ERROR executing 'file.readdir': A valid directory was not specified."],
    ['file.readlink', '/etc/passwd', "ERROR executing 'file.readlink': A valid link was not specified: /etc/passwd"],
  ])('%s of %j is refused', async (fun, path, expected) => {
    expect(await run(fun, [path])).toMatchObject({ return: expected, success: false, retcode: 1 })
  })
})

describe('contents', () => {
  test('whole, a part, links, directories', async () => {
    writeFileSync(at('binary'), Buffer.of(0xff, 0, 1))

    expect(await result('file.read', [at('f')])).toBe('abc')
    expect(await result('file.read', [at('binary')])).toEqual(Uint8Array.of(0xff, 0, 1))
    expect(await result('file.read', ['/proc/version'])).toContain('Linux')
    expect(await result('file.seek_read', [at('f'), 2, 1])).toBe('bc')
    expect(await result('file.readlink', [at('d', 'good')])).toBe('one')
    expect(await result('file.readlink', [at('d', 'good')], { canonicalize: true })).toBe(at('d', 'one'))
    expect(new Set((await result('file.readdir', [at('d', 'sub')])) as string[])).toEqual(new Set(['.', '..', 'two.txt']))
  })

  test('not more than memory may hold', async () => {
    writeFileSync(at('large'), 'x'.repeat(100_001))

    expect(await result('file.read', [at('large')])).toBe(`ERROR: ${at('large')} is larger than the 100000 bytes that this minion reads into memory`)
  })

  test('hashes', async () => {
    const md5 = '900150983cd24fb0d6963f7d28e17f72'

    expect(await result('file.get_hash', [at('f'), 'md5'])).toBe(md5)
    expect(await result('file.get_sum', ['/no/such'])).toBe('File not found')
    expect(await result('file.check_hash', [at('f'), md5])).toBe(true)
    expect(await result('file.check_hash', [at('f'), `md5:${md5}`])).toBe(true)
    expect(await result('file.check_hash', [at('f'), '12'])).toBe(
      "ERROR executing 'file.check_hash': Hash 12 (length: 2) could not be matched to a supported hash type. " +
        'The supported hash types and lengths are: md5 (32), sha1 (40), sha224 (56), sha256 (64), sha384 (96), sha512 (128)',
    )
  })

  test('what is in them', async () => {
    expect(await result('file.contains', [at('d', 'one'), ' abc '])).toBe(true)
    expect(await result('file.contains', ['/no/such', 'abc'])).toBe(false)
    expect(await result('file.contains_regex', [at('d', 'one'), '^ab.$'])).toBe(true)
    expect(await result('file.search', [at('d', 'one'), 'TWO\nabc'], { flags: ['IGNORECASE'] })).toBe(true)
    expect(await run('file.grep', [at('d', '*'), 'a[b]c', '-l', '-s'])).toMatchObject({ return: { stdout: expect.stringContaining(at('d', 'one')) as string } })
    expect(await run('file.grep', [at('f'), '-x'])).toMatchObject({ return: { retcode: 1, stdout: '' }, success: false })
    expect(await result('file.grep', [at('f'), 'a', '-n -v'])).toContain('Passing multiple command line arguments in a single string is not supported')
  })

  test('differences', async () => {
    writeFileSync(at('other'), 'two\nabd\n')
    const diff = await result('file.get_diff', [at('d', 'one'), at('other')])

    expect(diff).toBe(`--- ${at('d', 'one')}\n+++ ${at('other')}\n@@ -1,2 +1,2 @@\n two\n-abc\n+abd\n`)
    expect(await result('file.get_diff', [at('f'), at('f')])).toBe('')
    expect(await result('file.get_diff', [at('f'), at('binary')])).toBe('Replace text file with binary file')
    expect(await result('file.get_diff', [at('f'), '/no/such'])).toBe('ERROR: Failed to read /no/such: No such file or directory')
  })
})

describe('file.find', () => {
  const find = (keywords: Record<string, string | number | boolean>, ...args: string[]) => result('file.find', [at('d'), ...args], keywords)

  test.each([
    ['names', { name: '*.txt' }, ['sub/two.txt']],
    ['names in any case', { iname: 'ONE' }, ['one']],
    ['regular expressions', { regex: 'o.*e' }, ['one']],
    ['sizes', { size: '+2k', type: 'f' }, ['sub/two.txt']],
    ['types', { type: 'd' }, ['', 'sub']],
    ['links that lead nowhere', { type: 'l' }, ['broken']],
    ['ages', { mtime: '1000d', type: 'f' }, ['good', 'one']],
    ['contents', { grep: 'tw[o]' }, ['good', 'one']],
    ['depths', { mindepth: 2 }, ['sub/two.txt']],
    ['owners', { owner: 'root,0', name: 'one' }, process.getuid?.() === 0 ? ['one'] : []],
  ])('by %s', async (_name, options: Record<string, string | number>, expected) => {
    const got = ((await find(options)) as string[]).map((path) => path.slice(at('d').length + 1))

    expect(got).toEqual(expected)
  })

  test('prints what is asked for', async () => {
    expect(await find({ name: 'two.txt', print: 'name,size,type,mode' })).toEqual([['two.txt', 3000, 'f', 0o644 & ~process.umask()]])
    expect(await find({ name: 'one', print: 'md5' })).toEqual([await result('file.get_hash', [at('d', 'one'), 'md5'])])
  })

  test('removes what is asked for', async () => {
    mkdirSync(at('gone', 'deep'), { recursive: true })
    writeFileSync(at('gone', 'deep', 'x'), '')

    expect(await result('file.find', [at('gone')], { delete: 'f', test: true })).toEqual([at('gone', 'deep', 'x')])
    expect(await result('file.find', [at('gone'), 'delete'])).toEqual([at('gone', 'deep', 'x')])
    expect(await result('file.find', [at('gone')], { type: 'f' })).toEqual([])
  })

  test.each([
    [{ foo: 'x' }, 'error: invalid option "foo"'],
    [{ type: 'q' }, 'error: invalid file type "q"'],
    [{ size: 'x' }, 'error: invalid size: "x"'],
    [{ mtime: '1y' }, "error: invalid time interval: '1y'"],
    [{ regex: '(' }, 'error: invalid regular expression: "("'],
    [{ owner: 'no_such_user' }, 'error: no such user "no_such_user"'],
    [{ name: '' }, 'error: missing value for "name" option'],
    [{ exec: 'rm {}' }, 'error: exec is not supported by this minion: use cmd.run with what was found'],
  ])('answers %j with %j', async (options, expected) => {
    expect(await result('file.find', [at('d')], options)).toBe(expected)
  })
})
