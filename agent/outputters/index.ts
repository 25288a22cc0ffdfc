import { isObject, type Value } from '../wire/value.ts'
import { json } from './json.ts'
import { type Palette, nested } from './nested.ts'
import { noReturn } from './no-return.ts'
import { pythonRepr, pythonStr } from './python.ts'
import { txt } from './txt.ts'
import { yaml } from './yaml.ts'

export const outputterNames = ['nested', 'json', 'yaml', 'txt', 'text', 'raw', 'quiet'] as const
export type OutputterName = (typeof outputterNames)[number]

/**
 * The text of one minion's (or, with `--static`, every minion's) return, or of what a question to the master gives: what `salt` prints, without the last line end.
 * `wanted` is what `--out` said; without it the return's own `out` decides, and an unknown one means nested.
 */
export function render(
  data: Value,
  how: { wanted?: OutputterName | undefined; out?: Value | undefined; retcode?: number; palette: Palette },
): string {
  const name = how.wanted ?? how.out
  switch (typeof name === 'string' ? name : 'nested') {
    case 'json':
      return json(data)
    case 'yaml':
      return yaml(data)
    case 'txt':
    case 'text':
      return isObject(data) ? txt(data) : pythonStr(data)
    case 'raw':
      return pythonRepr(data)
    case 'quiet':
      return ''
    case 'no_return':
      return isObject(data) ? noReturn(data, how.palette) : pythonStr(data)
    default:
      return nested(data, how.palette, how.retcode ?? 0)
  }
}
