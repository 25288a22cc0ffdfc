/**
 * The values that Salt's msgpack carries, without loss.
 *
 * Python tells 1 from 1.0, allows any key in a map and keeps bytes apart from text; JavaScript does not, so the few
 * kinds that would be lost get a class of their own. Everything else is the plain JavaScript value.
 */

/** A float whose value is integral (1.0), which JavaScript would otherwise write as the integer 1. Other floats are plain numbers. */
export class Float {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

/** msgpack extension 78: a Python datetime or date as text, `YYYYMMDDTHH:MM:SS.ffffff`. */
export class DateTime {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** msgpack extension 79: Salt's `Constant`, a name with a value. */
export class Constant {
  readonly name: string
  readonly value: Value
  constructor(name: string, value: Value) {
    this.name = name
    this.value = value
  }
}

/** Any other msgpack extension, kept as it came. */
export class Extension {
  readonly type: number
  readonly data: Uint8Array
  constructor(type: number, data: Uint8Array) {
    this.type = type
    this.data = data
  }
}

/** A map whose keys are all text and keep their order in a JavaScript object. Decoded ones have no prototype, so `__proto__` is a key like any other. */
export interface ValueObject {
  [key: string]: Value
}

/**
 * A decoded value. Integers are `number` when safe, else `bigint`. A str or bin that is valid UTF-8 is a `string`, else
 * a `Uint8Array` (Salt's own rule). A map is a `ValueObject`, or a `Map` when a key is not text or looks like an array
 * index (which an object would reorder).
 */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Float
  | DateTime
  | Constant
  | Extension
  | Value[]
  | ValueObject
  | Map<Value, Value>

/** True for a map with text keys (not an array, bytes, `Map` or one of the classes above). */
export function isObject(value: unknown): value is ValueObject {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

/** True for a map of either representation. */
export function isMap(value: unknown): value is ValueObject | Map<Value, Value> {
  return value instanceof Map || isObject(value)
}

/** The value under a text key of a map of either representation; undefined when there is none. Never reads a prototype. */
export function get(map: unknown, key: string): Value | undefined {
  if (map instanceof Map) return (map as Map<Value, Value>).get(key)
  if (isObject(map) && Object.hasOwn(map, key)) return map[key]
  return undefined
}

/** The entries of a map of either representation, in their order. */
export function entries(map: ValueObject | Map<Value, Value>): [Value, Value][] {
  return map instanceof Map ? [...map.entries()] : Object.entries(map)
}

/** A map of these members: an object when every key is text that keeps its place in one, else a `Map`. Of the same key the last counts. */
export function mapOf(members: [Value, Value][]): ValueObject | Map<Value, Value> {
  const map = Object.create(null) as ValueObject
  for (const [key, value] of members) {
    if (typeof key !== 'string' || /^\d+$/.test(key)) return new Map(members)
    map[key] = value
  }
  return map
}
