import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { findSalt } from '../../../../scripts/lib/interop/find-salt.ts'

let root: string
const said = vi.spyOn(console, 'log').mockImplementation(() => {})

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'find-salt-'))
  said.mockClear()
})

afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

function program(file: string, text: string): string {
  const path = join(root, file)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, text)
  chmodSync(path, 0o755)
  return path
}

/** A Python whose `salt` lies there. */
const python = (place: string) => `#!/bin/sh\necho ${place}\n`

test('a tree that is named counts, whatever is installed', () => {
  program('bin/salt-master', '#!/usr/bin/python3\n')

  expect(findSalt('interop', { salt: '/srv/salt', python: undefined }, join(root, 'bin'))).toEqual({ saltTree: '/srv/salt', python: 'python3' })
})

test.each([
  ['whose first line names it', (dir: string) => `#!${dir}/opt/python3.11\n`],
  ['that env finds', () => '#!/usr/bin/env python3.11\n'],
])('an installed Salt is found by the Python of its salt-master, %s', (_how, firstLine) => {
  const interpreter = program('opt/python3.11', python('/usr/lib/python3/dist-packages'))
  program('bin/salt-master', firstLine(root))

  const found = findSalt('interop', { salt: undefined, python: undefined }, [join(root, 'bin'), join(root, 'opt')].join(delimiter))

  expect(found).toEqual({ saltTree: '/usr/lib/python3/dist-packages', python: interpreter })
  expect(said.mock.calls).toEqual([['interop: the installed Salt in /usr/lib/python3/dist-packages']])
})

test.each([
  ['', '\'\'\'exec\' "$(dirname "$(readlink -f "$0")")/bin/python3.10" "$0" "$@"\n\' \'\'\''],
  [', after a line that does nothing', '"true" \'\'\'\'\n"exec" "$(dirname "$(readlink -f "$0")")/bin/python3.10" "$0" "$@"\n\'\'\''],
])('so is one of Salt\'s own packages, whose script starts the Python beside it%s', (_how, start) => {
  const interpreter = program('opt/salt/bin/python3.10', python('/opt/salt/lib'))
  const script = program('opt/salt/salt-master', `#!/bin/sh\n${start}\n`)
  mkdirSync(join(root, 'bin'))
  symlinkSync(script, join(root, 'bin/salt-master'))

  expect(findSalt('interop', { salt: undefined, python: undefined }, join(root, 'bin'))).toEqual({ saltTree: '/opt/salt/lib', python: interpreter })
})

test.each([
  ['nothing is installed', undefined],
  ['its script is no Python', '#!/bin/sh\nexec true\n'],
  ['its Python is gone', '#!/nowhere/python3\n'],
  ['its Python cannot import it', '#!PYTHON\n'],
])('without a tree, where %s, it says so and gives none', (_what, text) => {
  const failing = program('opt/python3', '#!/bin/sh\nexit 1\n')
  if (text !== undefined) program('bin/salt-master', text.replace('PYTHON', failing))

  expect(findSalt('interop', { salt: undefined, python: undefined }, join(root, 'bin'))).toBeUndefined()
  expect(said.mock.calls.flat().join()).toMatch(/^interop: skipped, no Salt source tree was given \(--salt DIR\), and no salt-master/)
})
