import type { Value, ValueObject } from '../wire/value.ts'
import { json } from './json.ts'
import { type Palette, nested } from './nested.ts'
import { noReturn } from './no-return.ts'
import { pythonRepr } from './python.ts'
import { txt } from './txt.ts'
import { yaml } from './yaml.ts'

export const outputterNames = ['nested', 'json', 'yaml', 'txt', 'text', 'raw', 'quiet'] as const
export type OutputterName = (typeof outputterNames)[number]

/**
 * The text of one minion's (or, with `--static`, every minion's) return: what `salt` prints, without the last line end.
 * `wanted` is what `--out` said; without it the return's own `out` decides, and an unknown one means nested.
 */
export function render(
  data: ValueObject,
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
      return txt(data)
    case 'raw':
      return pythonRepr(data)
    case 'quiet':
      return ''
    case 'no_return':
      return noReturn(data, how.palette)
    default:
      return nested(data, how.palette, how.retcode ?? 0)
  }
}
