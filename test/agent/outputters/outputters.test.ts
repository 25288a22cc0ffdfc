import { describe, expect, test } from 'vitest'
import { Float, type ValueObject } from '../../../agent/wire/value.ts'
import { yaml } from '../../../agent/outputters/yaml.ts'
import { render } from '../../../agent/outputters/index.ts'
import { coloured, plain } from '../../../agent/outputters/nested.ts'
import { floatRepr, pythonRepr, splitLines } from '../../../agent/outputters/python.ts'

const data: ValueObject = {
  web1: {
    zone: ['a', 1, new Float(1), null, ['x', ['y']], { k: true }, []],
    text: 'first line\nsecond line\n',
    empty: '',
    none: {},
    esc: 'a\x1b[1mb',
  },
}

const text = (...lines: string[]) => lines.join('\n')

describe('nested', () => {
  test('indents by four, sorts keys, and sets lists behind dashes', () => {
    expect(render(data, { palette: plain })).toBe(text(
      'web1:',
      '    ----------',
      '    empty:',
      '    esc:',
      '        a?[1mb',
      '    none:',
      '        ----------',
      '    text:',
      '        first line',
      '        second line',
      '    zone:',
      '        - a',
      '        - 1',
      '        - 1.0',
      '        - None',
      '        |_',
      '          - x',
      '          |_',
      '            - y',
      '        |_',
      '          ----------',
      '          k:',
      '              True',
      '        |_',
    ))
  })

  test('colours keys cyan, text green, constants yellow, and failures red', () => {
    const small: ValueObject = { m: { a: [1, [2]], b: 'x' } }

    expect(render(small, { palette: coloured })).toBe(text(
      '\x1b[0;36mm\x1b[0;0m:',
      '    \x1b[0;36m----------\x1b[0;0m',
      '    \x1b[0;36ma\x1b[0;0m:',
      '        \x1b[0;1;33m- 1\x1b[0;0m',
      '        \x1b[0;32m|_\x1b[0;0m',
      '          \x1b[0;1;33m- 2\x1b[0;0m',
      '    \x1b[0;36mb\x1b[0;0m:',
      '        \x1b[0;32mx\x1b[0;0m',
    ))
    expect(render(small, { palette: coloured, retcode: 1 })).toContain('\x1b[0;31mm\x1b[0;0m:')
  })

  test('continues a list item\'s further lines under its text', () => {
    expect(render({ m: ['one\ntwo'] }, { palette: plain })).toBe(text('m:', '    - one', '      two'))
  })

  test('never lets a key or text reach the terminal as a command', () => {
    expect(render({ '\x1b]0;x': { '\x1bk': '\x1b[2J' } }, { palette: plain })).not.toContain('\x1b')
  })

  test('sorts integer keys by value', () => {
    expect(render({ m: new Map([[10, 'b'], [2, 'a']]) }, { palette: plain })).toBe(text('m:', '    ----------', '    2:', '        a', '    10:', '        b'))
  })

  test('stands in for an outputter that is not there', () => {
    expect(render({ m: 1 }, { out: 'highstate', palette: plain })).toBe('m:\n    1')
  })
})

describe('yaml', () => {
  test('marks keys of several lines and long ones, as PyYAML does', () => {
    const long = 'x'.repeat(130)
    expect(yaml({ o: { 'a\nb': { c: 1, d: [2] } } })).toBe("o:\n  ? 'a\n\n    b'\n  : c: 1\n    d:\n    - 2")
    expect(yaml({ [long]: [1, { x: 2 }] })).toBe(`? ${long}\n: - 1\n  - x: 2`)
    expect(yaml({ [long]: 1 })).toBe(`? ${long}\n: 1`)
  })

  test('quotes what would be read as something else, and leaves list items in their key\'s column', () => {
    const tricky: ValueObject = {
      m: { a: ['x', { k: null }, [1, 2]], b: 'yes', c: '1_000', d: '2026-01-01', e: 'a: b', f: 'two\nlines', g: 'plain text', h: new Float(1e20), i: ' x', j: '', k: {}, l: "it's", m: '#x', n: 'y' },
    }

    expect(render(tricky, { wanted: 'yaml', palette: plain })).toBe(text(
      'm:',
      '  a:',
      '  - x',
      '  - k: null',
      '  - - 1',
      '    - 2',
      "  b: 'yes'",
      "  c: '1_000'",
      "  d: '2026-01-01'",
      "  e: 'a: b'",
      "  f: 'two",
      '',
      "    lines'",
      '  g: plain text',
      '  h: 1.0e+20',
      "  i: ' x'",
      "  j: ''",
      '  k: {}',
      "  l: it's",
      "  m: '#x'",
      '  n: y',
    ))
  })
})

describe('json, txt, raw, quiet', () => {
  test('json keeps floats and the order of keys', () => {
    expect(render({ m: { b: new Float(1), a: [], c: [1, 'x'] } }, { wanted: 'json', palette: plain })).toBe(text(
      '{', '    "m": {', '        "b": 1.0,', '        "a": [],', '        "c": [', '            1,', '            "x"', '        ]', '    }', '}',
    ))
  })

  test('txt prints one line per line, and what is no text as Python does', () => {
    expect(render({ m: 'a\nb' }, { wanted: 'txt', palette: plain })).toBe('m: a\nm: b')
    expect(render({ m: [true, null, "it's"] }, { wanted: 'txt', palette: plain })).toBe('m: [True, None, "it\'s"]')
  })

  test('raw is Python\'s text of the whole', () => {
    expect(render({ m: { a: new Uint8Array([0xff, 0x41]), b: '\n\x07é', c: 2n ** 70n } }, { wanted: 'raw', palette: plain })).toBe(
      "{'m': {'a': b'\\xffA', 'b': '\\n\\x07é', 'c': 1180591620717411303424}}",
    )
  })

  test('quiet is nothing', () => {
    expect(render(data, { wanted: 'quiet', palette: plain })).toBe('')
  })

  test('minions that did not return are shown in red, unless a form was asked for', () => {
    const missing = { web1: 'Minion did not return. [Not connected]' }

    expect(render(missing, { out: 'no_return', palette: coloured })).toBe('\x1b[0;36mweb1\x1b[0;0m:\n\x1b[0;31m    Minion did not return. [Not connected]\x1b[0;0m')
    expect(render(missing, { out: 'no_return', wanted: 'txt', palette: plain })).toBe('web1: Minion did not return. [Not connected]')
  })
})

describe('values as Python writes them', () => {
  test.each([
    [1, '1.0'], [0.1, '0.1'], [-0.00123, '-0.00123'], [1e-5, '1e-05'], [0.0001, '0.0001'], [1e16, '1e+16'], [123456789012345, '123456789012345.0'],
    [1.5e300, '1.5e+300'], [Infinity, 'inf'], [-Infinity, '-inf'], [Number.NaN, 'nan'], [-0, '-0.0'], [1234.5, '1234.5'],
  ])('the float %s is %s', (value, wanted) => {
    expect(floatRepr(value)).toBe(wanted)
  })

  test('quotes change when the text has single ones', () => {
    expect([`a'b`, `a'b"c`, 'a\\b'].map(pythonRepr)).toEqual([`"a'b"`, `'a\\'b"c'`, `'a\\\\b'`])
  })

  test('lines end in more than a newline', () => {
    expect(splitLines('a\r\nb\rc\u2028d\n')).toEqual(['a', 'b', 'c', 'd'])
    expect(splitLines('')).toEqual([])
  })
})
