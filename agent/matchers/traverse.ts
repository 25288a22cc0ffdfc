import { isMap } from '../wire/value.ts'
import type { Value } from '../wire/value.ts'

/**
 * Follows a path such as `a:b:0` through maps and lists, as Salt does for grains, pillar and options
 * (utils/data.py, traverse_dict_and_list): a list is entered by index or through the maps in it, a map also by the key
 * that the step means in YAML (`1` finds the integer 1). Undefined when the path leads nowhere.
 */
export function traverse(data: Value, path: string, delimiter = ':'): Value | undefined {
  let place: Value | undefined = data
  for (const step of path.split(delimiter)) {
    place = Array.isArray(place) ? fromList(place, step) : fromMap(place, step)
    if (place === undefined) return undefined
  }
  return place
}

function fromMap(place: Value | undefined, step: string): Value | undefined {
  if (!isMap(place)) return undefined
  const direct = lookup(place, step)
  if (direct !== undefined) return direct
  const other = otherKey(step)
  return other === undefined ? undefined : lookup(place, other)
}

/** The key that is no text and is written like this in YAML 1.1: an integer, a boolean, or null. */
function otherKey(step: string): number | boolean | null | undefined {
  if (/^[-+]?(?:0|[1-9][0-9]*)$/.test(step)) return Number(step)
  if (/^(?:true|yes|on)$/i.test(step)) return true
  if (/^(?:false|no|off)$/i.test(step)) return false
  return /^(?:None|null|Null|NULL|~)$/.test(step) ? null : undefined
}

function fromList(place: Value[], step: string): Value | undefined {
  const index = /^\s*[-+]?[0-9]+\s*$/.test(step) ? Number(step) : undefined
  for (const item of place) {
    if (!isMap(item)) continue
    const found = lookup(item, index ?? step)
    if (found !== undefined) return found
  }
  return index === undefined ? undefined : place.at(index)
}

function lookup(map: Value, key: Value): Value | undefined {
  if (map instanceof Map) return map.get(key)
  if (typeof key !== 'string' || !isMap(map) || map instanceof Map) return undefined
  return Object.hasOwn(map, key) ? map[key] : undefined
}
