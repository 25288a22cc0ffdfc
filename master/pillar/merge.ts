/** Merging pillar as Salt does (utils/dictupdate.py). */
import { type Value, type ValueObject, entries, isMap, isObject } from '../../agent/wire/value.ts'
import { mapOf } from '../../config/yaml-value.ts'

export type PillarMap = ValueObject | Map<Value, Value>

export interface MergeSettings {
  /** `overwrite`: of a key at the top both have, the later value whole; else maps are merged at every depth. */
  strategy: 'smart' | 'recurse' | 'overwrite' | 'none'
  /** Lists under one key are joined instead of replaced; what is in both stands once. */
  mergeLists: boolean
}

/** `over` merged into `base`; neither is changed. */
export function mergePillar(base: PillarMap, over: PillarMap, settings: MergeSettings): PillarMap {
  if (settings.strategy === 'overwrite') return combine(base, over, (_older, newer) => newer)
  return mergeMaps(base, over, settings.mergeLists)
}

function mergeMaps(base: PillarMap, over: PillarMap, mergeLists: boolean): PillarMap {
  return combine(base, over, (older, newer) => {
    if (isMap(older) && isMap(newer)) return mergeMaps(older, newer, mergeLists)
    if (mergeLists && Array.isArray(older) && Array.isArray(newer)) return [...older, ...newer.filter((item) => !holds(older, item))]
    return newer
  })
}

function combine(base: PillarMap, over: PillarMap, both: (older: Value, newer: Value) => Value): PillarMap {
  const merged = new Map<Value, Value>(entries(base))
  for (const [key, value] of entries(over)) {
    const older = merged.get(key)
    merged.set(key, older === undefined ? value : both(older, value))
  }
  return mapOf([...merged]) as PillarMap
}

function holds(list: Value[], item: Value): boolean {
  return list.some((other) => same(other, item))
}

function same(a: Value, b: Value): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, at) => same(item, b[at] ?? null))
  if (isMap(a) && isMap(b)) {
    const others = new Map<Value, Value>(entries(b))
    return entries(a).length === others.size && entries(a).every(([key, value]) => others.has(key) && same(value, others.get(key) ?? null))
  }
  return a === b
}

/** A pillar as a map with text keys, which it is on the wire; undefined when a key of the first level is none. */
export function asObject(map: PillarMap): ValueObject | undefined {
  if (isObject(map)) return map
  const texts = entries(map).filter((entry): entry is [string, Value] => typeof entry[0] === 'string')
  return texts.length === entries(map).length ? Object.assign(Object.create(null) as ValueObject, Object.fromEntries(texts)) : undefined
}
