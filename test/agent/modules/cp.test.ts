import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Value, ValueObject } from '../../../agent/wire/value.ts'
import { until } from '../../helpers/until.ts'
import { createFileBench, type FileBench } from '../files/bench.ts'
import { createHarness, type Harness } from '../jobs/harness.ts'

let bench: FileBench
let harness: Harness
/** Set by a test that wants a hostile or broken server. */
let change: ((load: ValueObject, given: Value) => Value | Promise<Value>) | undefined

beforeEach(() => {
  change = undefined
  bench = createFileBench((load, given) => change?.(load, given) ?? given)
  harness = createHarness({ services: { files: (signal) => Promise.resolve(bench.client(signal)) } })
})

afterEach(async () => {
  await harness.close()
  bench.close()
})

async function cp(name: string, ...args: unknown[]): Promise<unknown> {
  return (await harness.run(`cp.${name}`, args)).return
}

const kw = (keywords: Record<string, unknown>) => ({ __kwarg__: true, ...keywords })
const sha256 = (text: string | Buffer) => createHash('sha256').update(text).digest('hex')

describe('files of the file server', () => {
  test('are cached where Salt caches them, for the agent alone, and not fetched twice', async () => {
    bench.serve('web/site.conf', 'x'.repeat(2500))

    const path = join(bench.cachedir, 'files/base/web/site.conf')
    expect(await cp('cache_file', 'salt://web/site.conf')).toBe(path)
    expect(readFileSync(path, 'utf8')).toBe('x'.repeat(2500))
    expect([statSync(path).mode & 0o777, statSync(join(bench.cachedir, 'files')).mode & 0o777]).toEqual([0o600, 0o700])
    expect(bench.asked).toEqual(['_file_hash', '_serve_file', '_serve_file', '_serve_file', '_serve_file'])

    expect(await cp('cache_file', 'salt://web/site.conf')).toBe(path)
    expect(bench.asked.slice(5)).toEqual(['_file_hash'])
    expect(readdirSync(join(bench.cachedir, 'tmp'))).toEqual([])
  })

  test('come from the environment that is named, by argument or in the url', async () => {
    bench.serve('f', 'base')
    bench.serve('f', 'dev', 'dev')

    expect(await cp('get_file_str', 'salt://f')).toBe('base')
    expect(await cp('get_file_str', 'salt://f', kw({ saltenv: 'dev' }))).toBe('dev')
    expect(await cp('get_file_str', 'salt://f?saltenv=dev')).toBe('dev')
    expect(await cp('cache_file', 'salt://f?saltenv=dev')).toBe(join(bench.cachedir, 'files/dev/f'))
    expect(await cp('envs')).toEqual(['base', 'dev'])
  })

  test('go to a path, or keep their name in a directory', async () => {
    bench.serve('a/b.txt', 'content')
    const directory = join(bench.root, 'out')
    mkdirSync(directory)

    expect(await cp('get_file', 'salt://a/b.txt', join(directory, 'c'))).toBe(join(directory, 'c'))
    expect(await cp('get_file', 'salt://a/b.txt', directory)).toBe(join(directory, 'b.txt'))
    expect(await cp('get_file', 'salt://a/b.txt', join(directory, 'new/x'))).toBe(false)
    expect(await cp('get_file', 'salt://a/b.txt', join(directory, 'new/'), kw({ makedirs: true, gzip: 5 }))).toBe(join(directory, 'new/b.txt'))
    expect(readFileSync(join(directory, 'new/b.txt'), 'utf8')).toBe('content')
    expect(await cp('get_file', 'salt://a/b.txt', 'relative')).toBe("ERROR: Path 'relative' is not absolute")
    expect(await cp('get_file', 'salt://missing', join(directory, 'c'))).toBe('')
    expect(await cp('get_file', 'salt://a/b.txt', directory, kw({ template: 'jinja' }))).toMatch(/template is not supported/)
    expect(await cp('get_file', 'salt://a/b.txt', directory, kw({ gzip: 12 }))).toMatch(/gzip must be a number from 1 to 9/)
  })

  test('never open a device or a pipe, which could be read or waited for without end', async () => {
    bench.serve('f', 'content')
    const pipe = join(bench.root, 'pipe')
    spawnSync('mkfifo', [pipe])

    expect(await cp('get_file_str', '/dev/zero')).toBe('ERROR: /dev/zero is not a regular file')
    expect(await cp('get_file_str', pipe)).toBe(`ERROR: ${pipe} is not a regular file`)
    expect(await cp('get_file', 'salt://f', pipe)).toBe(`ERROR: ${pipe} is not a regular file`)
    expect(await cp('cache_local_file', pipe)).toBe(`ERROR: ${pipe} is not a regular file`)
    expect((await harness.run('cmd.script', [pipe])).return).toMatchObject({ retcode: 1, cache_error: true })
    expect(await cp('get_file_str', '/proc/self/status')).toMatch(/^Name:/)
  })

  test('that never end are given up while the disk still has room', async () => {
    bench.serve('f', 'x')
    change = (load, given) => (load['cmd'] === '_serve_file' ? { data: 'x'.repeat(1024), dest: 'f' } : given)
    const files = bench.client(undefined, { leastFreeBytes: Number.MAX_SAFE_INTEGER })

    await expect(files.getFile('salt://f', '', { saltenv: 'base' })).rejects.toThrow(/is nearly full/)
    expect(readdirSync(join(bench.cachedir, 'tmp'))).toEqual([])
  })

  test('leave the mode of a file that they replace', async () => {
    bench.serve('f', 'new')
    const dest = join(bench.root, 'existing')
    writeFileSync(dest, 'old and longer')
    chmodSync(dest, 0o640)

    await cp('get_file', 'salt://f', dest)

    expect([readFileSync(dest, 'utf8'), statSync(dest).mode & 0o777]).toEqual(['new', 0o640])
  })

  test('are taken by directory, empty ones included', async () => {
    for (const name of ['top/dir/one', 'top/dir/sub/two', 'top/dirty', 'top/other']) bench.serve(name, name)
    mkdirSync(join(bench.root, 'base/top/dir/void'))
    const dest = join(bench.root, 'out')

    expect(await cp('get_dir', 'salt://top/dir', dest)).toEqual(['dir/one', 'dir/sub/two', 'dir/void'].map((name) => join(dest, name)))
    expect(await cp('cache_dir', 'salt://top/dir', kw({ include_empty: true }))).toEqual(
      ['one', 'sub/two', 'void'].map((name) => join(bench.cachedir, 'files/base/top/dir', name)),
    )
    expect(await cp('cache_dir', 'salt://top/dir', kw({ include_pat: 'E@two$' }))).toEqual([join(bench.cachedir, 'files/base/top/dir/sub/two')])
    expect(await cp('cache_dir', 'salt://top/dir', kw({ exclude_pat: '*/one' }))).toEqual([join(bench.cachedir, 'files/base/top/dir/sub/two')])
    expect(await cp('cache_files', 'salt://top/dirty,salt://nothing')).toEqual([join(bench.cachedir, 'files/base/top/dirty'), false])
    expect(await cp('cache_master')).toHaveLength(4)
  })

  test('are listed, hashed and looked at', async () => {
    for (const name of ['web/init.sls', 'web/conf.sls', 'web/file']) bench.serve(name, name)
    chmodSync(join(bench.root, 'base/web/file'), 0o640)
    symlinkSync('file', join(bench.root, 'base/web/link'))

    expect(await cp('list_master')).toEqual(['web/conf.sls', 'web/file', 'web/init.sls', 'web/link'])
    expect(await cp('list_master', kw({ prefix: 'web/f' }))).toEqual(['web/file'])
    expect(await cp('list_master_dirs')).toEqual(['web'])
    expect(await cp('list_master_symlinks')).toEqual({ 'web/link': 'file' })
    expect(await cp('list_states')).toEqual(['web', 'web.conf'])
    expect(await cp('hash_file', 'salt://web/file')).toEqual({ hash_type: 'sha256', hsum: sha256('web/file') })
    expect(await cp('hash_file', 'salt://nothing')).toBe('')
    expect(await cp('stat_file', 'salt://web/file')).toBe('0640')
    expect(await cp('stat_file', 'salt://web/file', kw({ octal: false }))).toBe(0o100640)
    expect(await cp('stat_file', 'salt://nothing')).toBeNull()
  })

  test('that are in the cache are found there', async () => {
    bench.serve('a/b', 'x')
    const cached = join(bench.cachedir, 'files/base/a/b')

    expect(await cp('is_cached', 'salt://a/b')).toBe('')
    expect(await cp('cache_dest', 'salt://a/b')).toBe(cached)
    await cp('cache_file', 'salt://a/b')
    expect(await cp('is_cached', 'salt://a/b')).toBe(cached)
    const local = join(bench.root, 'local')
    writeFileSync(local, 'mine')
    expect(await cp('cache_local_file', local)).toBe(join(bench.cachedir, 'localfiles', local))
    expect(await cp('is_cached', local)).toBe(join(bench.cachedir, 'localfiles', local))
    expect(await cp('list_minion')).toEqual([cached, join(bench.cachedir, 'localfiles', local)])
  })

  test('that are empty, binary, or have a question mark in their name are files like others', async () => {
    const bytes = Buffer.from([0, 255, 128, 10])
    bench.serve('empty', '')
    bench.serve('bytes', bytes)
    bench.serve('odd?name', 'odd')

    expect(await cp('get_file_str', 'salt://empty')).toBe('')
    expect(await cp('get_file_str', 'salt://bytes')).toEqual(Uint8Array.from(bytes))
    expect(await cp('get_file_str', 'salt://|odd?name')).toBe('odd')
    expect(await cp('get_file_str', 'salt://nothing')).toBe(false)
  })
})

describe('a server that cannot be trusted', () => {
  test('is not believed when the content is not what the hash says', async () => {
    bench.serve('f', 'right')
    change = (load, given) => (load['cmd'] === '_serve_file' && load['loc'] === 0 ? { ...(given as ValueObject), data: 'wrong' } : given)

    expect(await cp('cache_file', 'salt://f')).toBe('ERROR: Bad download of file f: its hash was wrong 3 times')
    expect(existsSync(join(bench.cachedir, 'files/base/f'))).toBe(false)
    expect(readdirSync(join(bench.cachedir, 'tmp'))).toEqual([])
  })

  test('gets another try when the file changed on the way', async () => {
    bench.serve('f', 'first')
    let changed = false
    change = (load, given) => {
      if (load['cmd'] === '_serve_file' && !changed) {
        changed = true
        bench.serve('f', 'second')
      }
      return given
    }

    expect(await cp('get_file_str', 'salt://f')).toBe('second')
  })

  test('writes nothing outside of where its files belong', async () => {
    bench.serve('d/f', 'x')
    const lists = ['d/../../../escape', 'd/\0', '/etc/escape']
    change = (load, given) => (load['cmd'] === '_file_list' ? lists : load['cmd'] === '_file_hash' ? { hash_type: 'sha256', hsum: sha256('x') } : given)

    expect(await cp('cache_dir', 'salt://d')).toMatch(/does not stay under its directory/)
    expect(await cp('get_dir', 'salt://d', join(bench.root, 'out'))).toMatch(/does not stay under its directory/)
    expect(await cp('cache_file', 'salt://d/f', kw({ saltenv: '../x' }))).toMatch(/is not the name of an environment/)
    expect(await cp('is_cached', 'salt://../../etc/passwd')).toMatch(/does not stay under its directory/)
  })

  test('that answers nonsense, or not at all, is told', async () => {
    change = (load) => (load['cmd'] === '_file_list' ? 'Some exception' : Promise.reject(new Error('gone')))

    expect(await cp('list_master')).toBe("ERROR: the file server's answer to _file_list makes no sense")
    expect(await cp('cache_file', 'salt://f')).toBe('ERROR: the file server did not answer _file_hash: gone')
  })
})

describe('pushing', () => {
  test('sends a file in parts, under its own path or another', async () => {
    const parts: ValueObject[] = []
    change = (load) => {
      parts.push(load)
      return true
    }
    const file = join(bench.root, 'big')
    writeFileSync(file, 'y'.repeat(1500))

    expect(await cp('push', file, kw({ upload_path: '/up/there' }))).toBe(true)
    expect(parts).toMatchObject([{ cmd: '_file_recv', id: 'web1', path: ['up', 'there'], size: 1500, loc: 0 }, { loc: 1000 }])
    parts.length = 0
    writeFileSync(file, '')
    expect(await cp('push', file, kw({ remove_source: true }))).toBe(true)
    expect(parts).toMatchObject([{ path: file.split('/').slice(1), size: 0, loc: 0 }])
    expect(existsSync(file)).toBe(false)
  })

  test('is False for what is no file, and when the master refuses', async () => {
    change = () => false
    writeFileSync(join(bench.root, 'f'), 'x')
    for (const path of ['relative', '/etc/../etc/hosts', bench.root, join(bench.root, 'f')]) expect(await cp('push', path)).toBe(false)
    expect(harness.logs.filter(({ message }) => message.includes('file_recv'))).toHaveLength(1)
  })

  test('takes whole directories, or some of their files', async () => {
    const paths: unknown[] = []
    change = (load) => {
      paths.push(load['path'])
      return true
    }
    const directory = join(bench.root, 'logs')
    mkdirSync(join(directory, 'old'), { recursive: true })
    for (const name of ['a.log', 'b.txt', 'old/c.log']) writeFileSync(join(directory, name), name)

    expect(await cp('push_dir', directory, kw({ glob: '*.log', upload_path: '/kept' }))).toBe(true)
    expect(paths).toEqual([['kept', 'a.log'], ['kept', 'old', 'c.log']])
    expect(await cp('push_dir', directory, kw({ glob: '*.none' }))).toBe(false)
  })
})

describe('other urls', () => {
  async function web(answer: (request: IncomingMessage, reply: ServerResponse) => void): Promise<string> {
    const server = createServer(answer)
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  test('are cached by host, path and query, and fetched to a path', async () => {
    const base = await web((request, reply) => void reply.end(`got ${request.url} ${request.headers.authorization ?? ''}`))
    const host = base.slice('http://'.length).replace(':', '')

    const path = join(bench.cachedir, 'extrn_files/base', host, 'a/b-x=1')
    expect(await cp('cache_file', `${base}/a/b?x=1`)).toBe(path)
    expect(readFileSync(path, 'utf8')).toBe('got /a/b?x=1 ')
    expect(await cp('is_cached', `${base}/a/b?x=1`)).toBe(path)
    expect(await cp('get_url', `${base.replace('//', '//me:secret@')}/f`, null)).toBe(`got /f Basic ${Buffer.from('me:secret').toString('base64')}`)
    const out = join(bench.root, 'out')
    expect(await cp('get_url', `${base}/f.txt`, `${out}/`)).toBe('')
    expect(await cp('get_url', `${base}/f.txt`, `${out}/`, kw({ makedirs: true }))).toBe(join(out, 'f.txt'))
    expect(readdirSync(out)).toEqual(['f.txt'])
  })

  test('that fail have Salt\'s words, and leave nothing behind', async () => {
    const base = await web((_request, reply) => void reply.writeHead(404).end())

    expect(await cp('cache_file', `${base}/missing`)).toBe('ERROR: Error: HTTP 404: Not Found reading /missing')
    expect(await cp('cache_file', 'http://127.0.0.1:1/x')).toMatch(/^ERROR: Error: connect ECONNREFUSED .* reading \/x$/)
    expect(await cp('cache_file', 'ftp://host/x')).toMatch(/not ftp:\/\/$/)
    expect(await cp('list_minion')).toEqual([])
  })

  test('are written to a file of their own first, never through a link that lies in the way', async () => {
    const base = await web((_request, reply) => void reply.end('new'))
    const [dest, victim] = [join(bench.root, 'dest'), join(bench.root, 'victim')]
    writeFileSync(victim, 'precious')
    symlinkSync(victim, `${dest}.part`)

    expect(await Promise.all([cp('get_url', `${base}/f`, dest), cp('get_url', `${base}/f`, dest)])).toEqual([dest, dest])

    expect([readFileSync(dest, 'utf8'), readFileSync(victim, 'utf8')]).toEqual(['new', 'precious'])
    expect(readdirSync(bench.root).filter((name) => name.endsWith('.part'))).toEqual(['dest.part'])
  })

  test('end with the redirect of a server that goes on talking', async () => {
    let closed = false
    const other = await web((_request, reply) => void reply.end('there'))
    const base = await web((_request, reply) => {
      reply.on('close', () => (closed = true))
      reply.writeHead(302, { location: `${other}/there` }).write('and then')
    })

    expect(await cp('get_file_str', `${base}/f`)).toBe('there')
    await until(() => closed, 'the first connection is closed')
  })

  test('follow redirects, with the password for the first host only', async () => {
    const other = await web((request, reply) => void reply.end(`${request.url} ${request.headers.authorization ?? 'none'}`))
    const base = await web((request, reply) => void reply.writeHead(302, { location: request.url === '/loop' ? '/loop' : `${other}/there` }).end())

    expect(await cp('get_file_str', `${base.replace('//', '//me:secret@')}/f`)).toBe('/there none')
    expect(await cp('get_file_str', `${base}/loop`)).toMatch(/more than 5 redirects/)
  })

  test('are not fetched again with the right source_hash, or an unchanged tag', async () => {
    const seen: (string | undefined)[] = []
    const base = await web((request, reply) => {
      seen.push(request.headers['if-none-match'])
      reply.setHeader('etag', '"one"')
      if (request.headers['if-none-match'] === '"one"') reply.writeHead(304).end()
      else reply.end('content')
    })

    await cp('cache_file', `${base}/f`, kw({ use_etag: true }))
    await cp('cache_file', `${base}/f`, kw({ use_etag: true }))
    expect(seen).toEqual([undefined, '"one"'])
    await cp('cache_file', `${base}/f`, kw({ source_hash: `sha256=${sha256('content')}` }))
    expect(seen).toHaveLength(2)
    await cp('cache_file', `${base}/f`, kw({ source_hash: sha256('other') }))
    expect(seen).toHaveLength(3)
  })

  test('of this host are only named', async () => {
    const file = join(bench.root, 'f')
    writeFileSync(file, 'here')
    expect(await cp('cache_file', `file://${file}`)).toBe(file)
    expect(await cp('get_file_str', file)).toBe('here')
    expect(await cp('get_file_str', join(bench.root, 'none'))).toBe(false)
    expect(await cp('cache_file', 'not/absolute')).toBe("ERROR: Path 'not/absolute' is not absolute")
    expect(await cp('get_file', file, '/tmp/x')).toBe(`ERROR: Unsupported path: ${file}`)
  })
})

test('a killed job ends its download', async () => {
  bench.serve('f', 'x'.repeat(5000))
  const parts = Promise.withResolvers<undefined>()
  change = async (load, given) => {
    if (load['cmd'] === '_serve_file') await parts.promise
    return given
  }
  const jid = '20260101000001000001'
  await harness.publish({ fun: 'cp.cache_file', arg: ['salt://f'], jid })
  await harness.ask('saltutil.running')
  await harness.run('saltutil.kill_job', [jid])
  parts.resolve(undefined)

  expect((await harness.returned(jid)).success).toBe(false)
  expect(existsSync(join(bench.cachedir, 'files/base/f'))).toBe(false)
})
