import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Float, type Value } from '../../agent/wire/value.ts'
import { yamlArgument } from '../../config/yaml-argument.ts'

describe('a typed argument', () => {
  test.each<[string, Value]>([
    ['true', true], ['Yes', true], ['yes', true], ['off', false], ['~', null], ['None', null], ['null', null],
    ['5', 5], [' 5 ', 5], ['5 # five', 5], ['010', 10], ['017', 17], ['99999999999999999999', 99_999_999_999_999_999_999n],
    ['1.0', new Float(1)], ['1.e+3', new Float(1000)], ['120:00.0', new Float(7200)], ['1.5', 1.5], ['-.inf', -Infinity],
    ['{a: 1}', { a: 1 }], ['[1, a]', [1, 'a']], ['[1, [yes, 2026-01-01]]', [1, [true, '2026-01-01']]], ['{}', {}], ['[]', []],
    ['{1: a}', new Map([[1, 'a']])], ['{"1": a}', new Map([['1', 'a']])], ['[&x 5, *x]', [5, 5]],
    ['"q"', 'q'], ['!!str 5', '5'], ['! 5', 5], ['!!int "5"', 5],
    ['{__proto__: 1}', Object.assign(Object.create(null) as object, JSON.parse('{"__proto__":1}')) as Value],
  ])('%s becomes a value', (text, value) => {
    expect(yamlArgument(text)).toEqual(value)
  })

  test.each([
    'hello', '1_000', '08', '1e3', '12e03', '123e4', '1.5e3', '0o17', '1,000', '2026-01-01', 'y', 'n', 'Y', 'text', 'a: b', '- a', '{a', '[', '"', '*', '*a',
    '@x', '%x', '`x', '!', '|', '#', '# c', 'a #c', 'a # b', '', '  ', '---', '...', '=', '<<', 'a\tb', '5\n', '{a: 1, a: 2}', '!!python/object:x y', '[!foo]',
    ' {a: 1}', "it's", '0x', '1 2', 'foo\\n',
  ])('%j stays the text it is', (text) => {
    expect(yamlArgument(text)).toBe(text)
  })

  test.each([['of more than a mebibyte', `[${'1,'.repeat(2 ** 19)}1]`], ['nested too deeply', '['.repeat(100_000)]])('%s stays a text', (_, text) => {
    expect(yamlArgument(text) === text).toBe(true)
  })

  test('never makes it fail, and one with line ends or tabs is never touched', () => {
    const isReadable = (text: string): boolean => {
      const value = yamlArgument(text)
      return /[\t\r\n]/.test(text) ? value === text : value !== undefined
    }

    expect(() => fc.assert(fc.property(fc.string({ unit: 'binary' }), isReadable), { numRuns: 300 })).not.toThrow()
  })

  test('a small text that unfolds into a huge value stays a text', () => {
    const bomb = `[${Array.from({ length: 12 }, (_, level) => `&a${level} [${level === 0 ? 'x' : Array(10).fill(`*a${level - 1}`).join(', ')}]`).join(', ')}]`

    expect(yamlArgument(bomb)).toBe(bomb)
  })
})
