import { chmodSync, existsSync, linkSync, lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { beforeEach, describe, expect, test } from 'vitest'
import type { ValueObject } from '../../../../agent/wire/value.ts'
import { createModuleBench } from '../module-bench.ts'

const { directory, result, run } = createModuleBench()
const path = join(directory, 'edited', 'f')

interface Recorded {
  texts: string[]
  /** Content before (null: no file), function, further arguments, keywords, the result, content after, content of the backup. */
  cases: [before: number | null, fun: string, args: unknown[], keywords: ValueObject, result: unknown, after: number | null, backup: number | null][]
}

/** What Salt 3007 did, with PATH for the file's path in its texts. */
const recorded = JSON.parse(readFileSync(new URL('../../../fixtures/file/edits.json', import.meta.url), 'utf8')) as Recorded

beforeEach(() => {
  rmSync(join(directory, 'edited'), { recursive: true, force: true })
  mkdirSync(join(directory, 'edited'))
})

function contentOf(file: string): string | null {
  return existsSync(file) ? readFileSync(file, 'latin1') : null
}

function text(place: number | null): string | null {
  return place === null ? null : (recorded.texts[place] ?? null)
}

describe('edits as Salt', () => {
  test('there is enough to compare', () => {
    expect(recorded.cases.length).toBeGreaterThan(200)
  })

  const functions = [...new Set(recorded.cases.map(([, fun]) => fun))]
  test.each(functions)('%s', async (name) => {
    const cases = recorded.cases.filter(([, fun]) => fun === name)
    for (const [before, fun, args, keywords, expected, after, backup] of cases) {
      rmSync(join(directory, 'edited'), { recursive: true, force: true })
      mkdirSync(join(directory, 'edited'))
      const content = text(before)
      if (content !== null) writeFileSync(path, content, { encoding: 'latin1', mode: 0o640 })

      const got = await result(fun, [path, ...args], keywords)

      const told = JSON.stringify({ content, fun, args, keywords })
      expect(typeof got === 'string' ? got.replaceAll(path, 'PATH') : got, told).toEqual(expected)
      expect(contentOf(path), told).toBe(text(after))
      expect(contentOf(`${path}.bak`), told).toBe(text(backup))
    }
  })
})

describe('what an edit keeps', () => {
  test('mode, and nothing beside it', async () => {
    writeFileSync(path, 'a\n')
    chmodSync(path, 0o4751)

    await run('file.replace', [path, 'a', 'b'], { backup: false })

    expect((statSync(path).mode & 0o7777).toString(8)).toBe('4751')
    expect(readdirSync(join(directory, 'edited'))).toEqual(['f'])
  })

  test('links to it, symbolic and hard', async () => {
    writeFileSync(path, 'a\n')
    symlinkSync('f', `${path}-link`)
    linkSync(path, `${path}-name`)

    await run('file.replace', [`${path}-link`, 'a', 'b'])

    expect(readlinkSync(`${path}-link`)).toBe('f')
    expect(readFileSync(`${path}-name`, 'utf8')).toBe('b\n')
    expect(readlinkSync(`${path}-link.bak`)).toBe('f.bak')
    expect(readFileSync(`${path}.bak`, 'utf8')).toBe('a\n')
  })

  test('a backup does not go through a link that lies in its place', async () => {
    writeFileSync(path, 'a\n')
    writeFileSync(join(directory, 'edited', 'other'), 'mine')
    symlinkSync('other', `${path}.bak`)

    await run('file.replace', [path, 'a', 'b'])

    expect(readFileSync(join(directory, 'edited', 'other'), 'utf8')).toBe('mine')
    expect(lstatSync(`${path}.bak`).isFile()).toBe(true)
  })

  test('bytes that are no UTF-8', async () => {
    writeFileSync(path, Buffer.from('na\xefve caf\xe9 is written here\n', 'latin1'))

    await run('file.replace', [path, 'written', 'kept'])

    expect(readFileSync(path).toString('latin1')).toBe('na\xefve caf\xe9 is kept here\n')
  })
})

describe('what an edit refuses', () => {
  test.each([
    ['a relative path', 'f', 'a', {}, "ERROR executing 'file.replace': File path must be absolute: f"],
    ['a NUL byte', '/tmp/a\0b', 'a', {}, "ERROR executing 'file.replace': embedded null byte"],
    ['a pattern that is none', path, 'a(', {}, `ERROR executing 'file.replace': invalid regular expression: "a("`],
    ['a group that is not there', path, 'a', { repl: String.raw`\2` }, "ERROR executing 'file.replace': invalid group reference 2"],
    ['a backup elsewhere', path, 'a', { backup: '/../../x' }, "ERROR executing 'file.replace': backup must not have a slash: /../../x"],
    ['a pattern that does not end', path, '(a+)+$', {}, 'ERROR: the regular expression took longer than 3 seconds'],
  ])('%s', async (_name, given, pattern, keywords, expected) => {
    writeFileSync(path, `${'a'.repeat(60)}b\n`)

    expect(await run('file.replace', [given, pattern], { repl: 'x', ...keywords })).toMatchObject({ return: expected, success: false, retcode: 1 })
    expect(readFileSync(path, 'utf8')).toBe(`${'a'.repeat(60)}b\n`)
  })
})

test('a pattern that takes its time is done elsewhere: the agent goes on meanwhile', async () => {
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  writeFileSync(path, `${'a'.repeat(24)}b ü\n`)
  expect(await result('file.replace', [path, '^(a+)+x|(b)'], { repl: String.raw`[\2]`, show_changes: false })).toBe(true)
  expect(readFileSync(path, 'utf8')).toBe(`${'a'.repeat(24)}[b] ü\n`)

  writeFileSync(path, `${'a'.repeat(60)}b\n`)
  expect(await result('file.search', [path, '(a+)+$'])).toBe('ERROR: the regular expression took longer than 3 seconds')
  expect(await result('file.line', [path, 'x'], { mode: 'replace', match: '(a+)+$' })).toBe('ERROR: the regular expression took longer than 3 seconds')
  delay.disable()
  // Nanoseconds.
  expect(delay.max / 1e6).toBeLessThan(1000)
})
