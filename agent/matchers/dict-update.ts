/** Merging maps as Salt does (utils/dictupdate.py): for grains, pillar and defaults alike. */
import { entries, isMap, mapOf } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'

type Mapping = ValueObject | Map<Value, Value>

/** More levels than any real data has. */
const MAX_DEPTH = 256

/**
 * A map with another one merged into it (Salt's `update`): maps under the same key are merged level by level, any other value of the
 * second replaces the first's. `mergeLists`: members of lists that are not there yet are added instead. Neither map is changed.
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
    else all.set(key, mergeLists && Array.isArray(own) && Array.isArray(value) ? joinedLists(own, value) : value)
  }
  return mapOf([...all])
}

/** The first list, and what of the second is not in it. */
export function joinedLists(first: Value[], second: Value[]): Value[] {
  return [...first, ...second.filter((item) => !first.some((other) => isSame(other, item)))]
}

function isSame(a: Value, b: Value): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, at) => isSame(item, b[at] ?? null))
  if (isMap(a) && isMap(b)) {
    const others = new Map<Value, Value>(entries(b))
    return entries(a).length === others.size && entries(a).every(([key, value]) => others.has(key) && isSame(value, others.get(key) ?? null))
  }
  return a === b
}
