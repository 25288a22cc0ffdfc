import { entries, isMap } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'

type Mapping = ValueObject | Map<Value, Value>

/** More levels than any real data has. */
const MAX_DEPTH = 256

/**
 * A map with another one merged into it (Salt's utils/dictupdate.py, update): maps under the same key are merged level by level, any other
 * value of the second replaces the first's. `mergeLists`: members of lists that are not there yet are added instead. Neither map is changed.
 */
export function dictUpdate(base: Mapping, update: Mapping, mergeLists = false): Mapping {
  return merged(base, update, mergeLists, 0)
}

function merged(base: Mapping, update: Mapping, mergeLists: boolean, depth: number): Mapping {
  if (depth > MAX_DEPTH) throw new Error(`the data is nested more than ${MAX_DEPTH} deep`)
  const all = new Map(entries(base))
  for (const [key, value] of entries(update)) {
    const own = all.get(key)
    if (isMap(own) && isMap(value)) all.set(key, merged(own, value, mergeLists, depth + 1))
    else if (mergeLists && Array.isArray(own) && Array.isArray(value)) all.set(key, [...own, ...value.filter((item) => !own.includes(item))])
    else all.set(key, value)
  }
  if (base instanceof Map || update instanceof Map) return all
  return Object.assign(Object.create(null) as ValueObject, Object.fromEntries(all as Map<string, Value>))
}
