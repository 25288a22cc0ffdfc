import { appendFile, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import definition from '../../returners/rawfile_json/index.ts'
import { sampleContext, sampleItem, sampleReturn } from '../../returners/testing.ts'

const never = new AbortController().signal
const items = ['1', '2'].map((jid) => sampleItem(sampleReturn(jid)))
const lines = items.map((item) => `${item.json}\n`).join('')
let directory: string
let filename: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'brine-rawfile-'))
  filename = join(directory, 'events')
})

afterEach(async () => {
  await rm(directory, { recursive: true })
})

async function append(path = filename): Promise<void> {
  const handle = await definition.open({ filename: path }, sampleContext())
  await handle.returner(items, never)
  await handle.close()
}

test('ends a torn line before it writes', async () => {
  await writeFile(filename, '{"jid":"torn')

  await append()

  expect(await readFile(filename, 'utf8')).toBe(`{"jid":"torn\n${lines}`)
})

test('goes on in a new file after log rotation', async () => {
  const handle = await definition.open({ filename }, sampleContext())
  await handle.returner(items, never)
  await rename(filename, `${filename}.1`)
  await handle.returner(items, never)

  expect(await readFile(`${filename}.1`, 'utf8')).toBe(lines)
  expect(await readFile(filename, 'utf8')).toBe(lines)
})

test('keeps lines whole beside another writer', async () => {
  const large = sampleItem(sampleReturn('1', { return: 'x'.repeat(2_000_000) }))
  const handle = await definition.open({ filename }, sampleContext())

  await Promise.all([1, 2, 3].flatMap(() => [handle.returner([large], never), appendFile(filename, '{"other":true}\n')]))

  const read = (await readFile(filename, 'utf8')).trimEnd().split('\n')
  expect(read.map((line) => line.length).toSorted((one, other) => one - other)).toEqual([14, 14, 14, ...[1, 2, 3].map(() => large.json.length)])
})

test('writes events too', async () => {
  const handle = await definition.open({ filename }, sampleContext())

  await handle.eventReturn?.([{ tag: 'salt/auth', data: { id: 'm' } }])

  expect(await readFile(filename, 'utf8')).toBe('{"tag":"salt/auth","data":{"id":"m"}}\n')
})

test('a path that cannot be written is for an operator', async () => {
  const fifo = join(directory, 'fifo')
  execFileSync('mkfifo', [fifo])
  await writeFile(join(directory, 'file'), '')
  await symlink('/dev/full', join(directory, 'device'))

  for (const path of [directory, join(directory, 'file', 'events'), fifo, join(directory, 'device')]) {
    await expect(append(path), path).rejects.toMatchObject({ name: 'OperatorError' })
  }
})
