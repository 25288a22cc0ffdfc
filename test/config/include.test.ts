import { symlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { matchingFiles } from '../../config/include.ts'
import { loadConfig } from '../../config/load.ts'
import { useConfigDirectory } from '../helpers/config-directory.ts'

const here = useConfigDirectory()

describe('included files', () => {
  test('include takes wildcards in every part, and what an included file includes, from its own directory and over it', async () => {
    here.write({
      minion: "include: ['sites/*/[a-b]?.conf', more/x.conf]\nid: main\n",
      'sites/one/a1.conf': 'grains: {one: 1}\nkeysize: 3072\n',
      'sites/two/b1.conf': 'grains: {two: 2}\nkeysize: 4096\n',
      'sites/two/c1.conf': 'id: no\n',
      'sites/.hidden/a1.conf': 'id: no\n',
      'more/x.conf': 'include: y.conf\nid: x\n',
      'more/y.conf': 'id: y\n',
    })

    const { config, problems } = await loadConfig({ directory: here.path, environment: {} })

    expect(config).toMatchObject({ id: 'y', keysize: 4096, grains: { one: 1, two: 2 } })
    expect(problems).toEqual([])
  })

  test('files that include each other, and directories that cannot be read, are told', async () => {
    here.write({ minion: 'include: [a.conf, "loop/*.conf"]\n', 'a.conf': 'include: b.conf\n', 'b.conf': 'include: [a.conf, minion]\n' })
    symlinkSync('loop', join(here.path, 'loop'))

    expect(await here.problemsOf()).toEqual([
      'a.conf:1:1: error: includes itself; take the include away',
      'minion:1:1: error: includes itself; take the include away',
      'loop/*.conf:1:1: error: cannot be read: ELOOP; check that its directory may be read',
      'minion:1:10: warning: include: "loop/*.conf" names no file that could be read',
    ])
  })
})

describe('patterns', () => {
  test.each([
    ['a?.conf', ['a1.conf', 'a[.conf', 'a].conf']],
    ['[!b]1.conf', ['a1.conf']],
    ['a[]].conf', ['a].conf']],
    ['a[.conf', ['a[.conf']],
    ['[z-a]1.conf', []],
    ['*', ['a1.conf', 'a[.conf', 'a].conf', 'b1.conf']],
  ])('%s', (pattern, names) => {
    here.write({ 'a1.conf': '', 'b1.conf': '', 'a].conf': '', 'a[.conf': '', '.c1.conf': '' })

    expect(matchingFiles(here.path, pattern).map((file) => basename(file))).toEqual(names)
  })
})
