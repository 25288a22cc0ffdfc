/** Each form beside what the output modules of Salt 3007.8 printed for the same values. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { packageRoot } from '../../../agent/entry-points.ts'
import { type OutputterName, render } from '../../../agent/outputters/index.ts'
import { coloured, plain } from '../../../agent/outputters/nested.ts'
import type { Value } from '../../../agent/wire/value.ts'
import { readYaml } from '../../../config/yaml-value.ts'

interface Recorded {
  case: string
  out: OutputterName
  indent?: number
  colour?: boolean
  retcode?: number
  text: string
}

const recorded = readFileSync(join(packageRoot, 'test/fixtures/outputters/salt-3007.json'), 'utf8')
const { texts } = JSON.parse(recorded) as { texts: Recorded[] }

/** Name → value. Read line by line as YAML, which tells 1.0 from 1. */
const data = new Map<string, Value>(
  recorded
    .slice(recorded.indexOf('"data": {\n') + 10, recorded.indexOf('\n},\n"texts"'))
    .split(',\n')
    .flatMap((line) => Object.entries(readYaml(`{${line}}`) as Record<string, Value>)),
)

describe.each([...new Set(texts.map(({ out }) => out))])('%s', (form) => {
  test.each(texts.filter(({ out }) => out === form))('$case (indent $indent, colour $colour, retcode $retcode)', (one) => {
    const how = { wanted: one.out, indent: one.indent, palette: one.colour === true ? coloured : plain, retcode: one.retcode ?? 0 }

    expect(render(data.get(one.case) ?? null, how).trimEnd()).toBe(one.text)
  })
})

describe('where Salt loses something', () => {
  const words = 'the quick brown fox jumps over the lazy dog and runs far away from here'

  test('a cell of several lines is shown whole in a table', () => {
    expect(render({ m: [{ id: 1, text: words }] }, { wanted: 'table', palette: plain })).toContain(
      '| 1  | the quick brown fox jumps over the lazy dog and |\n    |    |             runs far away from here             |',
    )
  })

  test('a long text of several lines in YAML stays one that can be copied', () => {
    expect(render({ m: `${words}\n${words}` }, { wanted: 'yaml', palette: plain })).toBe(`m: '${words}\n\n  ${words}'`)
    expect(render({ m: ['a\nb', `${words}${words}`] }, { wanted: 'yaml', indent: -1, palette: plain })).toBe(`{m: ["a\\nb", ${words}${words}]}`)
  })
})
