import { Constant, DateTime, Extension, Float } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'

const maxDepth = 256

/**
 * What a function returned, as a value that msgpack can carry: undefined becomes None, an Error its message, a Date Salt's
 * datetime, a Set a list. Objects of other classes give their own fields.
 *
 * @throws Error for functions, symbols, and structures that are circular or deeper than 256.
 */
export function toValue(result: unknown): Value {
  return convert(result, 0)
}

function convert(result: unknown, depth: number): Value {
  if (depth > maxDepth) throw new Error(`the result is circular or nested more than ${maxDepth} deep`)
  if (result === undefined || result === null) return null
  if (typeof result === 'function' || typeof result === 'symbol') throw new Error(`the result contains a ${typeof result}`)
  if (typeof result !== 'object') return result as boolean | number | bigint | string
  if (result instanceof Uint8Array) return result
  if (result instanceof Float || result instanceof DateTime || result instanceof Constant || result instanceof Extension) return result
  if (result instanceof Error) return result.message
  if (result instanceof Date) return new DateTime(result.toISOString().replaceAll('-', '').replace('Z', '000'))
  if (Array.isArray(result)) return result.map((item) => convert(item, depth + 1))
  if (result instanceof Set) return Array.from(result, (item) => convert(item, depth + 1))
  if (result instanceof Map) {
    return new Map(Array.from(result as Map<unknown, unknown>, ([key, item]) => [convert(key, depth + 1), convert(item, depth + 1)]))
  }
  const object = Object.create(null) as ValueObject
  for (const [key, item] of Object.entries(result)) {
    if (item !== undefined) object[key] = convert(item, depth + 1)
  }
  return object
}
