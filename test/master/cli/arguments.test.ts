import { assert, property, string } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Float } from '../../../agent/wire/value.ts'
import { parseArguments, yamlify } from '../../../master/cli/arguments.ts'

function isReadable(word: string): boolean {
  return /[\t\r\n]/.test(word) ? yamlify(word) === word : yamlify(word) !== undefined
}

describe('one word as a YAML value', () => {
  test.each<[string, unknown]>([
    ['1', 1], ['-3', -3], ['+4', 4], ['017', 17], ['-017', -15], ['0x1F', 31], ['0b11', 3], ['1:30', 90], ['123456789012345678901234567890', 123456789012345678901234567890n],
    ['1.0', new Float(1)], ['.5', 0.5], ['1.e+3', new Float(1000)], ['1_0.5', 10.5], ['.inf', Infinity], ['190:20:30.15', 685_230.15],
    ['true', true], ['Yes', true], ['off', false], ['~', null], ['None', null], ['null', null], [' 5 ', 5], ['5 # five', 5],
    ['{a: 1}', { a: 1 }], ['[1, [yes, 2026-01-01]]', [1, [true, '2026-01-01']]], ['{}', {}], ['[]', []], ['"q"', 'q'], ['!!str 5', '5'], ['! 5', 5],
  ])('%s becomes a value', (word, value) => {
    expect(yamlify(word)).toEqual(value)
  })

  test.each([
    '1_000', '08', '1e3', '12e03', '0o17', '1,000', '2026-01-01', 'y', 'n', 'text', 'a: b', '- a', '{a', '[a', '"', '*', '*a', '@x', '%x', '`x', '!', '|', '#', '# c', 'a #c',
    '', '  ', '---', '...', '=', '<<', 'a\tb', '5\n', '{a: 1, a: 2}', '!!python/object:x y', '[!foo]', ' {a: 1}', "it's", '0x', '1 2', 'foo\\n',
  ])('%j stays the text it is', (word) => {
    expect(yamlify(word)).toBe(word)
  })

  test('no word makes it fail, and one with line ends or tabs is never touched', () => {
    expect(() => assert(property(string({ unit: 'binary' }), isReadable), { numRuns: 300 })).not.toThrow()
  })

  test('a small text that unfolds into a huge value stays a text', () => {
    const bomb = `[${Array.from({ length: 12 }, (_, level) => `&a${level} [${level === 0 ? 'x' : Array(10).fill(`*a${level - 1}`).join(', ')}]`).join(', ')}]`

    expect(yamlify(bomb)).toBe(bomb)
  })
})

describe('the arguments of a function', () => {
  test('are positional values, then one map of the named ones', () => {
    expect(parseArguments(['uptime', 'timeout=5', '3', 'shell=/bin/sh', 'a.b-c=[x]'])).toEqual([
      'uptime', 3, { __kwarg__: true, timeout: 5, shell: '/bin/sh', 'a.b-c': ['x'] },
    ])
  })

  test('a double equals sign, a digit in front or a line end make no name', () => {
    expect(parseArguments(['a==b', '1a=b', 'a=b\nc'])).toEqual(['a==b', '1a=b', 'a=b\nc'])
  })

  test('a name may be one that objects have', () => {
    const [named] = parseArguments(['__proto__=x', 'constructor=y'])

    expect(Object.entries(named as object)).toEqual([['__kwarg__', true], ['__proto__', 'x'], ['constructor', 'y']])
  })

  test('a job id stays a text', () => {
    expect(parseArguments(['20260102030405060708'])).toEqual(['20260102030405060708'])
  })
})
