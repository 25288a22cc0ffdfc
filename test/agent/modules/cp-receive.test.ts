import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createHarness, type Harness } from '../jobs/harness.ts'

let root: string
let harness: Harness

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cp-receive-'))
  harness = createHarness()
})

afterEach(async () => {
  await harness.close()
  rmSync(root, { recursive: true })
})

const at = (...names: string[]) => join(root, ...names)
const run = (fun: string, ...args: unknown[]) => harness.run(`cp.${fun}`, args)

test('salt-cp: a file goes to a path, into a directory, or nowhere', async () => {
  mkdirSync(at('dir'))

  expect((await run('recv', { '/etc/motd': 'grüß\n' }, at('motd'))).return).toEqual({ [at('motd')]: true })
  expect((await run('recv', { '/etc/motd': 'a', '/etc/issue': Buffer.from([0xff]) }, at('dir'))).return).toEqual({ [at('dir/motd')]: true, [at('dir/issue')]: true })
  expect((await run('recv', { '/etc/motd': 'a' }, at('no/such'))).return).toBe('Destination unavailable')
  expect((await run('recv', { '/etc/motd': 'a' }, at('motd', 'motd'))).return).toEqual({ [at('motd/motd')]: false })
  expect((await run('recv', { '/etc/motd': 'a' }, 'relative')).success).toBe(false)
  expect(readFileSync(at('motd'), 'utf8')).toBe('grüß\n')
  expect(readFileSync(at('dir/issue'))).toEqual(Buffer.from([0xff]))
})

test('salt-cp --chunked: parts make a file with its mode, and directories', async () => {
  const bytes = Buffer.from(Array.from({ length: 3000 }, (_, index) => (index * 7) % 256))
  const part = (from: number, to: number, packed: boolean) => (packed ? gzipSync(bytes.subarray(from, to)) : bytes.subarray(from, to)).toString('base64')

  expect((await run('recv_chunked', at('deep/er/file'), part(0, 2000, true), false, true, 0o640)).return).toBe(true)
  expect((await run('recv_chunked', at('deep/er/file'), part(2000, 3000, false), true, false, 0o600)).return).toBe(true)
  expect(readFileSync(at('deep/er/file'))).toEqual(bytes)
  expect(statSync(at('deep/er/file')).mode & 0o777).toBe(0o640)

  expect((await run('recv_chunked', at('empty/dir'), null)).return).toBe(true)
  expect(statSync(at('empty/dir')).isDirectory()).toBe(true)
  expect((await run('recv_chunked', at('deep/er/file'), null)).return).toBe('Path exists and is a file')
})

test('what cannot be written fails with the reason', async () => {
  mkdirSync(at('dir'))

  expect(await run('recv_chunked', at('dir'), 'AAAA', false, false)).toMatchObject({ return: `[Errno 21] Is a directory: '${at('dir')}'`, retcode: 1, success: false })
  expect((await run('recv_chunked', '/dev/null', 'AAAA', false, false)).return).toContain('is no regular file')
  for (const packed of ['AAAA', 'H4sIAAAAAAAC/0rPCgAAAP//']) {
    const refused = await run('recv_chunked', at('x'), packed, false, true)
    expect(refused).toMatchObject({ out: 'nested', retcode: 1, success: false })
    expect(refused.return).toMatch(/^ERROR executing 'cp.recv_chunked': the part cannot be decompressed: (incorrect header check|unexpected end of file)$/)
  }
})
