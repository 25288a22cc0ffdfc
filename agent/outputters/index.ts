import { isObject, type Value } from '../wire/value.ts'
import { json } from './json.ts'
import { key } from './key.ts'
import { type Palette, nested } from './nested.ts'
import { newlineValuesOnly } from './newline-values-only.ts'
import { noReturn } from './no-return.ts'
import { pprint } from './pprint.ts'
import { pythonStr } from './python.ts'
import { table } from './table.ts'
import { txt } from './txt.ts'
import { yaml } from './yaml.ts'

/** The forms that `--out` takes. There are no states here: `highstate` is nested. */
export const outputterNames = [
  'nested', 'json', 'yaml', 'txt', 'text', 'raw', 'pprint', 'table', 'key', 'newline_values_only', 'no_return', 'highstate', 'quiet',
] as const
export type OutputterName = (typeof outputterNames)[number]

/** How a value is shown. */
export interface RenderSettings {
  /** What `--out` said; without it the return's own `out` decides. */
  wanted?: OutputterName | undefined
  out?: Value | undefined
  retcode?: number
  /** What `--out-indent` said, for json, yaml and pprint: columns per level, negative for one line. */
  indent?: number | undefined
  palette: Palette
}

/**
 * The text of one minion's (or, with `--static`, every minion's) return, or of what a question to the master gives: what `salt` prints,
 * without the last line end. An unknown form means nested, and so does one that cannot show this value.
 */
export function render(data: Value, how: RenderSettings): string {
  const name = how.wanted ?? how.out
  return renderAs(typeof name === 'string' ? name : 'nested', data, how) ?? nested(data, how.palette, how.retcode ?? 0)
}

function renderAs(name: string, data: Value, { indent, palette }: RenderSettings): string | undefined {
  switch (name) {
    case 'json':
      return json(data, indent)
    case 'yaml':
      return yaml(data, indent)
    case 'txt':
    case 'text':
      return txt(data)
    case 'raw':
      return pythonStr(data)
    case 'pprint':
      return pprint(data, indent)
    case 'table':
      return table(data, palette)
    case 'key':
      return isObject(data) ? key(data, palette) : undefined
    case 'newline_values_only':
      return isObject(data) ? newlineValuesOnly(data) : undefined
    case 'quiet':
      return ''
    case 'no_return':
      return isObject(data) ? noReturn(data, palette) : undefined
    default:
      return undefined
  }
}
