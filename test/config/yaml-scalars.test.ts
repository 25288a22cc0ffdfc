import { describe, expect, test } from 'vitest'
import { Float, type Value } from '../../agent/wire/value.ts'
import { parseYaml } from '../../config/yaml.ts'
import { readsAsOther } from '../../config/yaml-scalars.ts'
import { readYaml } from '../../config/yaml-value.ts'

/** Bare words and what Salt's loader makes of them. */
const WORDS: readonly (readonly [string, Value])[] = [
  ['yes', true], ['On', true], ['TRUE', true], ['NO', false], ['off', false],
  ['Y', 'Y'], ['y', 'y'], ['n', 'n'], ['yES', 'yES'],
  ['~', null], ['', null], ['Null', null], ['nULL', 'nULL'],
  ['0', 0], ['-0', 0], ['+5', 5], ['-3', -3], ['1_000', 1000], ['99999999999999999999', 99_999_999_999_999_999_999n],
  ['0644', 644], ['017', 17], ['0_17', 17], ['00', 0], ['-0644', -420], ['-017', -15], ['+017', 15], ['08', '08'], ['0o17', '0o17'],
  ['0x1F', 31], ['-0x1f', -31], ['0x', '0x'], ['0b11', 3], ['-0b11', -3],
  ['1:30', 90], ['12:30:45', 45_045], ['-1:30', -90], ['1:60', '1:60'], ['190:20:30.5', 685_230.5], ['190:20:30.15', 685_230.15], ['2:00.', new Float(120)],
  ['1e3', '1e3'], ['1.5e3', '1.5e3'], ['123e4', '123e4'], ['1.0e+3', new Float(1000)], ['1.e+3', new Float(1000)], ['1.5', 1.5], ['.5', 0.5], ['-.5', '-.5'],
  ['1_0.5', 10.5], ['1.0', new Float(1)], ['.inf', Infinity], ['-.inf', -Infinity], ['.NaN', Number.NaN],
  ['2020-01-01', '2020-01-01'], ['2020-01-01 10:00:00', '2020-01-01 10:00:00'],
  ['=', '='], ['1.2.3', '1.2.3'], ['"yes"', 'yes'], ["'017'", '017'],
]

describe('bare words are read as Salt reads them', () => {
  test.each(WORDS)('%s in a configuration file', (text, value) => {
    const parsed = parseYaml(`option: ${text}`)

    expect(parsed).toMatchObject({ ok: true, yaml: { value: { option: value instanceof Float ? value.value : value } } })
  })

  test.each(WORDS)('%s as an argument, which keeps 1.0 apart from 1', (text, value) => {
    expect(readYaml(`[${text === '' ? '~' : text}]`)).toEqual([value])
  })
})

test('texts that a YAML 1.1 loader would not give back are known', () => {
  const others = ['yes', '5', '017', '1.5', '~', '', '2020-01-01', '2020-1-1 10:00:00', '=', '<<']
  const same = ['y', '08', '1e3', 'text', '2020-1-1', '1.2.3']

  expect([...others, ...same].filter(readsAsOther)).toEqual(others)
})
