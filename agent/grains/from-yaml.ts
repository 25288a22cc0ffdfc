import { isObject } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'

/** What a YAML reader gave, as a value: what has no place in a grain becomes its text. */
export function fromYaml(data: unknown): Value {
  if (data === null || data === undefined) return null
  if (typeof data === 'string' || typeof data === 'number' || typeof data === 'boolean' || typeof data === 'bigint') return data
  if (data instanceof Uint8Array) return data
  if (Array.isArray(data)) return data.map(fromYaml)
  if (data instanceof Map) return new Map(Array.from(data as Map<unknown, unknown>, ([key, value]) => [fromYaml(key), fromYaml(value)]))
  if (!isObject(data)) return JSON.stringify(data)
  const object = Object.create(null) as ValueObject
  for (const [key, value] of Object.entries(data)) object[key] = fromYaml(value)
  return object
}
