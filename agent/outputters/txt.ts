import { type Value, isObject } from '../wire/value.ts'
import { pprint } from './pprint.ts'
import { pythonStr, splitLines } from './python.ts'

/** One line per line of text, behind the minion's id; what is no text as Python prints it. */
export function txt(data: Value): string {
  if (typeof data === 'string') return data
  if (!isObject(data)) return pprint(data)
  const lines: string[] = []
  for (const [id, value] of Object.entries(data)) {
    if (typeof value === 'string') lines.push(...splitLines(value).map((line) => `${id}: ${line}`))
    else lines.push(`${id}: ${pythonStr(value)}`)
  }
  return lines.join('\n')
}
