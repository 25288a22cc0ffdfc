import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFileServer } from '../../../agent/fileserver/file-server.ts'
import type { FileServerSettings } from '../../../agent/fileserver/settings.ts'
import type { ValueObject } from '../../../agent/wire/value.ts'

let root: string

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'brine-roots-'))
  for (const directory of ['one/web/conf', 'one/empty', 'one/sub/deep', 'two/web', 'dev', 'tenants/blue', 'outside/more']) mkdirSync(join(root, directory), { recursive: true })
  const files: Record<string, string> = {
    'one/top.sls': 'base: {}\n', 'one/web/init.sls': 'a: b\n', 'one/web/conf/site.conf': 'x'.repeat(3000), 'one/zero': '', 'one/a?b&c=d': 'odd',
    'one/sub/notes.swp': 's', 'two/web/init.sls': 'second\n', 'two/web/only-two': 'two', 'dev/file': 'dev', 'tenants/blue/file': 'blue',
    'outside/secret': 'outside', 'outside/more/inner': 'inner',
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text)
  symlinkSync('web/init.sls', join(root, 'one/link-inside'))
  symlinkSync(join(root, 'outside/secret'), join(root, 'one/link-outside'))
  symlinkSync('../outside/more', join(root, 'one/link-dir'))
  symlinkSync('nowhere', join(root, 'one/dangling'))
  symlinkSync('..', join(root, 'one/sub/up'))
})

afterAll(() => {
  rmSync(root, { recursive: true })
})

function server(settings: Partial<FileServerSettings> = {}) {
  const answer = createFileServer({
    roots: { base: [join(root, 'one'), join(root, 'two')], dev: [join(root, 'dev')] },
    ignoreGlob: [], ignoreRegex: [], bufferSize: 1024, hashType: 'sha256', followSymlinks: true, ignoreSymlinks: false, ...settings,
  })
  return (cmd: string, load: ValueObject = {}) => answer({ cmd, saltenv: 'base', ...load })
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

describe('a list', () => {
  test('of a prefix with many slashes is answered at once', async () => {
    const ask = server()

    expect(await ask('_file_list', { prefix: `a${'/'.repeat(1_000_000)}b` })).toEqual([])
    expect(await ask('_file_list', { prefix: '//dev//' })).toEqual([])
    expect(await ask('_file_list', { prefix: '/web/conf/' })).toEqual(['web/conf/site.conf'])
  })
})

describe('one file', () => {
  test('is served in parts of file_buffer_size, with an empty one at its end', async () => {
    const ask = server()
    const part = async (loc: number) => (await ask('_serve_file', { path: 'web/conf/site.conf', loc })) as unknown as { data: Buffer; dest: string }

    expect((await part(0)).data.toString()).toBe('x'.repeat(1024))
    expect(await part(0)).toMatchObject({ dest: 'web/conf/site.conf' })
    expect((await part(2048)).data).toHaveLength(952)
    expect((await part(3000)).data).toHaveLength(0)
  })

  test('is compressed when asked, part by part', async () => {
    const { data, gzip } = (await server()('_serve_file', { path: 'web/conf/site.conf', loc: 0, gzip: 6 })) as unknown as { data: Buffer; gzip: number }

    expect(gzip).toBe(6)
    expect(gunzipSync(data).toString()).toBe('x'.repeat(1024))
  })

  test('comes from the first root that has it', async () => {
    const ask = server()
    expect(await ask('_file_find', { path: 'web/init.sls' })).toMatchObject({ path: join(root, 'one/web/init.sls'), rel: 'web/init.sls', back: 'roots' })
    expect(await ask('_file_find', { path: 'web/only-two' })).toMatchObject({ path: join(root, 'two/web/only-two') })
    expect(await ask('_file_find', { path: 'web/init.sls?index=1' })).toMatchObject({ path: join(root, 'two/web/init.sls') })
  })

  test('has a hash and the ten numbers of a stat', async () => {
    const ask = server()
    const hash = { hash_type: 'sha256', hsum: sha256('base: {}\n') }
    expect(await ask('_file_hash', { path: 'top.sls' })).toEqual(hash)
    const [same, stat] = (await ask('_file_hash_and_stat', { path: 'top.sls' })) as [unknown, number[]]
    expect(same).toEqual(hash)
    expect(stat).toHaveLength(10)
    expect([(stat[0] ?? 0).toString(8), stat[6]]).toEqual(['100644', 9])
  })

  test('has a new hash as soon as it changes', async () => {
    const ask = server()
    expect(await ask('_file_hash', { path: 'file', saltenv: 'dev' })).toMatchObject({ hsum: sha256('dev') })
    writeFileSync(join(root, 'dev/file'), 'changed')
    expect(await ask('_file_hash', { path: 'file', saltenv: 'dev' })).toMatchObject({ hsum: sha256('changed') })
  })

  test('may have a question mark in its name, behind a bar', async () => {
    expect(await server()('_file_find', { path: '|a?b&c=d' })).toMatchObject({ rel: 'a?b&c=d' })
    expect(await server()('_file_find', { path: 'file?saltenv=dev' })).toMatchObject({ path: join(root, 'dev/file') })
  })

  test('that is not there gives Salt\'s empty answers', async () => {
    const ask = server()
    for (const path of ['missing', 'web', '', 'empty/']) {
      expect(await ask('_serve_file', { path, loc: 0 })).toEqual({ data: '', dest: '' })
      expect(await ask('_file_find', { path })).toEqual({ path: '', rel: '' })
      expect(await ask('_file_hash', { path })).toBe('')
      expect(await ask('_file_hash_and_stat', { path })).toEqual(['', null])
    }
    expect(await ask('_file_hash', { path: 'top.sls', saltenv: 'none' })).toBe('')
    expect(await ask('_serve_file', { path: 'top.sls' })).toEqual({ data: '', dest: '' })
    expect(await ask('_serve_file', { path: 'top.sls', loc: -1 })).toEqual({ data: '', dest: '' })
  })
})

test('nothing outside of the roots is served', async () => {
  const ask = server()
  const hostile = ['../outside/secret', 'web/../../outside/secret', '..', '.', join(root, 'outside/secret'), 'top.sls\0', '|../outside/secret', '|/etc/passwd', 'x/..']
  for (const path of hostile) {
    expect(await ask('_serve_file', { path, loc: 0 })).toEqual({ data: '', dest: '' })
    expect(await ask('_file_find', { path })).toEqual({ path: '', rel: '' })
  }
})

describe('lists', () => {
  test('are those of all roots, sorted', async () => {
    const ask = server({ roots: { base: [join(root, 'two'), join(root, 'dev')] } })
    expect(await ask('_file_list')).toEqual(['file', 'web/init.sls', 'web/only-two'])
    expect(await ask('_dir_list')).toEqual(['web'])
    expect(await ask('_file_list_emptydirs')).toEqual([])
    expect(await ask('_file_list', { prefix: '/web/i' })).toEqual(['web/init.sls'])
    expect(await ask('_file_list', { saltenv: 'none' })).toEqual([])
    expect(await ask('_symlink_list', { saltenv: 'none' })).toEqual({})
  })

  test('follow links, but not in circles', async () => {
    const ask = server()
    const files = (await ask('_file_list')) as string[]
    expect(files).toEqual([
      'a?b&c=d', 'dangling', 'link-dir/inner', 'link-inside', 'link-outside', 'sub/notes.swp', 'top.sls', 'web/conf/site.conf', 'web/init.sls', 'web/only-two', 'zero',
    ])
    expect(await ask('_dir_list')).toEqual(['empty', 'link-dir', 'sub', 'sub/deep', 'sub/up', 'web', 'web/conf'])
    expect(await ask('_file_list_emptydirs')).toEqual(['empty', 'sub/deep'])
    expect(await ask('_symlink_list')).toEqual({ 'link-inside': 'web/init.sls', dangling: 'nowhere', 'sub/up': '..', 'link-dir': '../outside/more' })
  })

  test('name links that lead out only where they are not followed', async () => {
    const ask = server({ followSymlinks: false })
    expect(await ask('_symlink_list')).toMatchObject({ 'link-outside': join(root, 'outside/secret'), 'link-dir': '../outside/more' })
    expect(await ask('_file_list')).not.toContain('link-dir/inner')
    expect(await ask('_serve_file', { path: 'link-outside', loc: 0 })).toEqual({ data: '', dest: '' })
    expect(await ask('_serve_file', { path: 'link-inside', loc: 0 })).toMatchObject({ dest: 'link-inside' })
  })

  test('leave links out when told to', async () => {
    const ask = server({ ignoreSymlinks: true })
    expect(await ask('_symlink_list')).toEqual({})
    expect(await ask('_file_list')).not.toContain('link-inside')
  })
})

test('ignored paths are neither listed nor served', async () => {
  for (const ask of [server({ ignoreGlob: ['*.swp'] }), server({ ignoreRegex: ['/notes\\.'] })]) {
    expect(await ask('_file_list')).not.toContain('sub/notes.swp')
    expect(await ask('_file_find', { path: 'sub/notes.swp' })).toEqual({ path: '', rel: '' })
    expect(await ask('_file_list')).toContain('top.sls')
  }
})

test('__env__ serves every other environment, never by a path', async () => {
  const ask = server({ roots: { base: [], __env__: [join(root, 'tenants/__env__')] } })

  expect(await ask('_file_list', { saltenv: 'blue' })).toEqual(['file'])
  expect(await ask('_file_find', { path: 'file', saltenv: 'blue' })).toMatchObject({ path: join(root, 'tenants/blue/file') })
  for (const saltenv of ['../outside', '..', '.', '', 'blue/../../outside']) expect(await ask('_file_list', { saltenv })).toEqual([])
  expect(await ask('_file_envs')).toEqual(['__env__', 'base'])
})

test('what is not about files is not answered', async () => {
  expect(await server()('_pillar')).toBeUndefined()
})
