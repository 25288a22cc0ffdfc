/** The strategies by which pillar is merged. */
import { dictUpdate } from '../matchers/dict-update.ts'
import { type Value, type ValueObject, entries, isObject, mapOf } from '../wire/value.ts'

export type PillarMap = ValueObject | Map<Value, Value>

export interface MergeSettings {
  /** `overwrite`: of a key at the top both have, the later value whole; else maps are merged at every depth. */
  strategy: 'smart' | 'recurse' | 'overwrite' | 'none'
  /** Lists under one key are joined instead of replaced; what is in both stands once. */
  mergeLists: boolean
}

/** `over` merged into `base`; neither is changed. */
export function mergePillar(base: PillarMap, over: PillarMap, settings: MergeSettings): PillarMap {
  if (settings.strategy === 'overwrite') return mapOf([...new Map<Value, Value>([...entries(base), ...entries(over)])])
  return dictUpdate(base, over, settings.mergeLists)
}

/** A pillar as a map with text keys, which it is on the wire; undefined when a key of the first level is none. */
export function asObject(map: PillarMap): ValueObject | undefined {
  if (isObject(map)) return map
  const texts = entries(map).filter((entry): entry is [string, Value] => typeof entry[0] === 'string')
  return texts.length === entries(map).length ? Object.assign(Object.create(null) as ValueObject, Object.fromEntries(texts)) : undefined
}
