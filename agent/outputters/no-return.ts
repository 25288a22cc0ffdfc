import { type ValueObject } from '../wire/value.ts'
import type { Palette } from './nested.ts'
import { pythonStr } from './python.ts'

/** How minions that did not return are shown: the id, then the text in red. */
export function noReturn(data: ValueObject, palette: Palette): string {
  const lines: string[] = []
  for (const [id, text] of Object.entries(data)) {
    lines.push(`${palette.key}${id}${palette.end}:`)
    for (const line of pythonStr(text).split('\n')) lines.push(`${palette.failed}    ${line}${palette.end}`)
  }
  return lines.join('\n')
}
