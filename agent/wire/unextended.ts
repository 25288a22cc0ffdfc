/** Values in which no extension type of msgpack is left, for those who cannot read them. */
import { isUtf8 } from 'node:buffer'
import { isoText } from './json.ts'
import { Constant, DateTime, Extension, isObject } from './value.ts'
import type { Value, ValueObject } from './value.ts'

/** The same value, its dates as ISO text, its constants as `{"__constant__": [name, value]}`, other extensions as the text or bytes in them. */
export function unextended(value: Value): Value {
  if (value instanceof DateTime) return isoText(value.text)
  if (value instanceof Constant) return { __constant__: [value.name, unextended(value.value)] }
  if (value instanceof Extension) return isUtf8(value.data) ? Buffer.from(value.data).toString() : value.data
  if (Array.isArray(value)) return value.map(unextended)
  if (value instanceof Map) return new Map([...value].map(([key, member]) => [unextended(key), unextended(member)]))
  return isObject(value) ? unextendedMembers(value) : value
}

/** Defined, not assigned: `__proto__` is a key like any other. */
export function unextendedMembers(value: ValueObject): ValueObject {
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, unextended(member)]))
}
