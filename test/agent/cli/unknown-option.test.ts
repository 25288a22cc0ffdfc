import { expect, test } from 'vitest'
import { unknownOption } from '../../../agent/cli/unknown-option.ts'

const known = ['out', 'config-dir', 'c', 'colour']

test.each([
  [['cmd', '--json', '*', 'test.ping'], '--json'],
  [['cmd', '--jsn=x', '*'], '--jsn=x'],
  [['cmd', '-x', '*'], '-x'],
  [['cmd', '-c', 'etc', '--configDir', 'etc', '--out=txt', '--no-colour', '*'], undefined],
  [['cmd', '*', 'test.echo', '-3', '--', '--json'], undefined],
])('in %j: %s', (args, expected) => {
  expect(unknownOption(args, known)).toBe(expected)
})
