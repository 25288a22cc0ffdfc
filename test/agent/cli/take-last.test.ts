import { expect, test } from 'vitest'
import { takeLast } from '../../../agent/cli/take-last.ts'

test('of what was given twice the last one counts, lists stay', () => {
  const given = { _: ['cmd'], '--': ['-x', 'y'], arguments: ['a', 'b'], configDir: ['/a', '/b'], timeout: [1, 2], out: 'json' }

  takeLast(given, ['arguments'])

  expect(given).toEqual({ _: ['cmd'], '--': ['-x', 'y'], arguments: ['a', 'b'], configDir: '/b', timeout: 2, out: 'json' })
})

test('a list stays under the other spelling of its name too', () => {
  const given = { 'module-dirs': ['/a', '/b'], moduleDirs: ['/a', '/b'] }

  takeLast(given, ['module-dirs'])

  expect(given).toEqual({ 'module-dirs': ['/a', '/b'], moduleDirs: ['/a', '/b'] })
})
