/** Choosing from a table by a grain or a pillar value (utils/data.py, filter_by). */
import { dictUpdate } from '../matchers/dict-update.ts'
import { globMatch } from '../matchers/glob.ts'
import { pythonStr } from '../matchers/python-text.ts'
import { type Value, type ValueObject, entries, isMap } from '../wire/value.ts'
import { CommandExecutionError } from './contract.ts'

export interface FilterTable {
  /** Glob → result. */
  table: ValueObject | Map<Value, Value>
  /** Merged over the result. */
  merge: Value
  /** The row that is taken when none matches. */
  fallback: string
  /** The row that every result is merged over; null for none. */
  base: string | null
}

/**
 * The row whose glob matches the value, of a list the first member's that has one; merged over `base` and under `merge`. Null for none.
 *
 * @throws CommandExecutionError when something that is to be merged is no map
 */
export function filterBy(found: Value | undefined, { table, merge, fallback, base }: FilterTable): Value {
  const rows = entries(table).map(([key, row]): [string, Value] => [pythonStr(key), row])
  const row = (name: string | null): Value => rows.find(([key]) => key === name)?.[1] ?? null
  const candidates = found === undefined ? [] : Array.isArray(found) ? found : [found]
  let result: Value = null
  for (const candidate of candidates) {
    result = rows.find(([glob]) => globMatch(pythonStr(candidate), glob))?.[1] ?? null
    if (result !== null) break
  }
  result ??= row(fallback)
  result = over(row(base), result, 'filter_by default and look-up values must both be dictionaries.')
  if (merge === null) return result
  if (!isMap(merge)) throw new CommandExecutionError('filter_by merge argument must be a dictionary.')
  return over(result, merge, 'filter_by default and look-up values must both be dictionaries.')
}

function over(base: Value, value: Value, complaint: string): Value {
  if (base === null) return value
  if (value === null) return base
  if (!isMap(base)) return value
  if (!isMap(value)) throw new CommandExecutionError(complaint)
  return dictUpdate(base, value)
}
