/** How the module `grains` changes grains (Salt's modules/grains.py): what becomes of the grains there are, without touching a file. */
import { isTruthy, pythonStr } from '../matchers/python-text.ts'
import { pythonEqual } from '../matchers/python-equal.ts'
import { traverse } from '../matchers/traverse.ts'
import { entries, get, isMap } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'

type Mapping = ValueObject | Map<Value, Value>

/** What is to be written, or the text that says why not. */
export type Plan = { set: [string, Value] } | { refusal: string } | { unchanged: string }

export interface SetOptions {
  key: string
  value: Value
  force: boolean
  destructive: boolean
  delimiter: string
}

/** `grains.append`: the list with the value, or with each member of it. */
export function planAppend(grains: ValueObject, { key, value, convert, delimiter }: { key: string; value: Value; convert: boolean; delimiter: string }): Plan {
  const there = traverse(grains, key, delimiter)
  const found = there === undefined ? [] : there
  const list = convert && !Array.isArray(found) ? (found === null ? [] : [found]) : found
  if (!Array.isArray(list)) return { refusal: `The key ${key} is not a valid list` }
  if (list.some((item) => pythonEqual(item, value))) return { refusal: `The val ${pythonStr(value)} was already in the list ${key}` }
  return { set: nest(grains, key, [...list, ...(Array.isArray(value) ? value : [value])], delimiter) }
}

/** `grains.remove`: the list without the first member of this value. */
export function planRemove(grains: ValueObject, { key, value, delimiter }: { key: string; value: Value; delimiter: string }): Plan {
  const list = traverse(grains, key, delimiter) ?? []
  if (!Array.isArray(list)) return { refusal: `The key ${key} is not a valid list` }
  const at = list.findIndex((item) => pythonEqual(item, value))
  if (at < 0) return { refusal: `The val ${pythonStr(value)} was not in the list ${key}` }
  return { set: nest(grains, key, list.toSpliced(at, 1), delimiter) }
}

/** The outermost grain of a path with a value at its end; maps on the way are kept, what is none stays as it is. */
function nest(grains: ValueObject, path: string, value: Value, delimiter: string): [string, Value] {
  let [key, now] = [path, value]
  for (let cut = key.lastIndexOf(delimiter); cut >= 0; cut = key.lastIndexOf(delimiter)) {
    const rest = key.slice(cut + delimiter.length)
    key = key.slice(0, cut)
    const outer = traverse(grains, key, delimiter) ?? {}
    now = isMap(outer) ? withKey(outer, rest, now) : outer
  }
  return [key, now]
}

/** `grains.set`: refuses to replace maps and lists without `force`. */
export function planSet(grains: ValueObject, options: SetOptions): Plan {
  const { key, value, force, destructive, delimiter } = options
  const existing = traverse(grains, key, delimiter)
  if (existing !== undefined && pythonEqual(existing, value) && (value !== null || !destructive)) return { unchanged: 'Grain is already set' }
  if (existing !== undefined && existing !== null && !force) {
    if (isComplex(existing)) return { refusal: `The key '${key}' exists but is a dict or a list. Use 'force=True' to overwrite.` }
    if (isComplex(value)) return { refusal: `The key '${key}' exists and the given value is a dict or a list. Use 'force=True' to overwrite.` }
  }
  return planNested(grains, options)
}

function planNested(grains: ValueObject, { key: path, value, force, destructive, delimiter }: SetOptions): Plan {
  let [key, now] = [path, value]
  for (let cut = key.lastIndexOf(delimiter); cut >= 0; cut = key.lastIndexOf(delimiter)) {
    const rest = key.slice(cut + delimiter.length)
    key = key.slice(0, cut)
    const outer: Value = traverse(grains, key, delimiter) ?? {}
    if (isMap(outer)) now = now === null && destructive ? withoutKey(outer, rest) : withKey(outer, rest, now)
    else if (Array.isArray(outer)) now = intoList(outer, rest, now)
    else if (outer === rest || force) now = { [rest]: now }
    else {
      const told = `The key '${key}' value is '${pythonStr(outer)}', which is different from the provided key '${rest}'. Use 'force=True' to overwrite.`
      return { refusal: told }
    }
  }
  return { set: [key, now] }
}

/** In a list the key's own name becomes a map, maps that have the key get the value, and else a new map is added. */
function intoList(list: Value[], key: string, value: Value): Value[] {
  let updated = false
  const changed = list.map((item): Value => {
    const named = item === key
    if (!named && !(isMap(item) && get(item, key) !== undefined)) return item
    updated = true
    return named || !isMap(item) ? { [key]: value } : withKey(item, key, value)
  })
  return updated ? changed : [...changed, { [key]: value }]
}

function isComplex(value: Value): boolean {
  return Array.isArray(value) || isMap(value)
}

function withKey(map: Mapping, key: string, value: Value): Mapping {
  if (map instanceof Map) return new Map([...map, [key, value]])
  return Object.assign(Object.create(null) as ValueObject, map, { [key]: value })
}

function withoutKey(map: Mapping, key: string): Mapping {
  return new Map(entries(map).filter(([name]) => name !== key))
}

/** True for a given `sanitize` and the like: Salt takes texts and numbers for truth, too (utils/data.py, is_true). */
export function isTrue(value: Value | undefined): boolean {
  if (value === undefined) return false
  return typeof value === 'string' ? value.toLowerCase() === 'true' : isTruthy(value)
}
