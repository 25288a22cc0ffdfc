import { entries, Float, isMap } from '../wire/value.ts'
import type { Value } from '../wire/value.ts'
import { pythonRepr } from './python-text.ts'

/** Python's `one == other`: 1, 1.0 and True are the same, maps are whatever the order of their keys. */
export function pythonEqual(one: Value, other: Value): boolean {
  const [a, b] = [numberOf(one), numberOf(other)]
  // A number and a bigint of the same value are equal.
  if (a !== undefined && b !== undefined) return a === b || (typeof a !== typeof b && Number(a) === Number(b))
  if (Array.isArray(one) && Array.isArray(other)) return one.length === other.length && one.every((item, at) => pythonEqual(item, other[at] ?? null))
  if (isMap(one) && isMap(other)) return equalMaps(entries(one), entries(other))
  return pythonRepr(one) === pythonRepr(other)
}

function numberOf(value: Value): number | bigint | undefined {
  if (value instanceof Float) return value.value
  if (typeof value === 'boolean') return Number(value)
  return typeof value === 'number' || typeof value === 'bigint' ? value : undefined
}

function equalMaps(one: [Value, Value][], other: [Value, Value][]): boolean {
  return one.length === other.length && one.every(([key, value]) => other.some(([name, item]) => pythonEqual(key, name) && pythonEqual(value, item)))
}
