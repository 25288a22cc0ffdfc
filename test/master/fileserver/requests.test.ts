/** The master's file server over the wire: real sockets, a scripted minion. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { logIn, makeIdentity, type Session } from '../scripted-minion.ts'
import { removeRoot, startMaster, type TestMaster } from '../test-master.ts'

const web1 = makeIdentity('web1')

let running: TestMaster
let minion: Session

async function start(options: Record<string, unknown> = {}): Promise<void> {
  running = await startMaster({ auto_accept: true, ...options })
  minion = await logIn(web1, running.master.ports, running.masterPub)
}

beforeEach(() => start())

afterEach(async () => {
  minion.close()
  await running.stop()
  removeRoot(running.root)
})

async function restart(options: Record<string, unknown>): Promise<void> {
  minion.close()
  await running.stop()
  removeRoot(running.root)
  await start(options)
}

test('a file that is no UTF-8 arrives byte by byte', async () => {
  const roots = mkdtempSync(join(tmpdir(), 'brine-srv-'))
  onTestFinished(() => rmSync(roots, { recursive: true }))
  await restart({ file_roots: { base: [roots] } })
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, at) => at))
  writeFileSync(join(roots, 'bytes'), bytes)

  expect(await minion.ask({ cmd: '_file_list', saltenv: 'base', prefix: '' })).toEqual(['bytes'])
  const { data } = (await minion.ask({ cmd: '_serve_file', path: 'bytes', saltenv: 'base', loc: 0 })) as { data: Uint8Array }
  expect(Buffer.from(data).equals(bytes)).toBe(true)
})

test('a pushed file is refused unless file_recv is on', async () => {
  expect(await minion.ask({ cmd: '_file_recv', path: ['etc', 'fstab'], loc: 0, data: 'x', size: 1 })).toBe(false)
  expect(existsSync(join(running.settings.cachedir, 'minions', 'web1', 'files'))).toBe(false)
})

test('a pushed file is put together under the minion\'s own directory', async () => {
  await restart({ file_recv: true, file_recv_max_size: 1 })
  const push = (load: Record<string, unknown>) => minion.ask({ cmd: '_file_recv', path: ['etc', 'fstab'], loc: 0, data: 'first ', ...load })
  const path = join(running.settings.cachedir, 'minions', 'web1', 'files', 'etc', 'fstab')

  expect(await push({})).toBe(true)
  expect(await push({ loc: 6, data: Buffer.from('second') })).toBe(true)
  expect(readFileSync(path, 'utf8')).toBe('first second')
  expect(await push({ data: 'new' })).toBe(true)
  expect(readFileSync(path, 'utf8')).toBe('new')
  expect(await push({ loc: 1024 * 1024 })).toBe(false)

  const outside = [['..', 'web2', 'x'], ['/etc', 'x'], ['', 'etc', 'x'], ['a', '..', '..', 'x'], ['a/../../x'], ['x\0y'], [], ['.'], [3], 'etc/x']
  for (const hostile of outside) expect(await push({ path: hostile })).toBe(false)
  for (const loc of [-1, '0', null, 1.5]) expect(await push({ loc })).toBe(false)
})
