import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createDatastore } from '../../agent/datastore.ts'
import { decode } from '../../agent/wire/msgpack.ts'

let cachedir: string
let file: string
beforeEach(() => {
  cachedir = join(mkdtempSync(join(tmpdir(), 'brine-datastore-')), 'cache')
  file = join(cachedir, 'datastore')
})
afterEach(() => rmSync(join(cachedir, '..'), { recursive: true, force: true }))

test("keeps values under keys in Salt's file, for its own user only", () => {
  const store = createDatastore(cachedir)
  expect(store.get('a')).toBeUndefined()

  store.update('a', { b: [1, null] })
  store.update('__proto__', 'x')
  store.update('c', 'text')

  const again = createDatastore(cachedir)
  expect([again.get('a'), again.get('__proto__'), again.get('constructor')]).toEqual([{ b: [1, null] }, 'x', undefined])
  expect(Object.keys(decode(readFileSync(file)) as object)).toEqual(['a', '__proto__', 'c'])
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test('a file that is none is told, and left as it is', () => {
  const store = createDatastore(cachedir)
  store.update('a', 1)
  for (const bytes of ['\xc1 no msgpack', '\x01', '']) {
    writeFileSync(file, bytes, 'latin1')
    expect(() => store.get('a')).toThrow(`${file} is `)
    expect(() => store.update('a', 2)).toThrow('remove it')
    expect(readFileSync(file, 'latin1')).toBe(bytes)
  }
})
