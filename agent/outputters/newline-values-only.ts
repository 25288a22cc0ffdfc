import type { ValueObject } from '../wire/value.ts'
import { pythonStr } from './python.ts'

/** The values without the minions' ids, one a line; of a list each item. */
export function newlineValuesOnly(data: ValueObject): string {
  return Object.values(data)
    .flatMap((value) => (Array.isArray(value) ? value : [value]))
    .map(pythonStr)
    .join('\n')
}
