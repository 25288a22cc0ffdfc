/** What may be seen of the fields of a log line. */
import { isSecretName } from '../config/secret.ts'

const MASK = '***'
const MAX_DEPTH = 5
const MAX_ENTRIES = 100
const MAX_TEXT = 4_000

/**
 * A copy of a line's fields fit to be written: secrets masked by their name, errors as their kind, message, code and stack, bytes as
 * their length, and everything bounded in depth, number and length.
 */
export function redactFields(fields: object): Record<string, unknown> {
  return copyMap(fields, 0, new Set())
}

function copyMap(map: object, depth: number, above: ReadonlySet<object>): Record<string, unknown> {
  const entries = Object.entries(map)
  const inside = new Set(above).add(map)
  const copies = entries.slice(0, MAX_ENTRIES).map(([name, value]): [string, unknown] => {
    return [name, isSecretName(name) && value !== undefined && value !== null ? MASK : copy(value, depth + 1, inside)]
  })
  if (entries.length > MAX_ENTRIES) copies.push(['…', entries.length - MAX_ENTRIES])
  return Object.fromEntries(copies)
}

function copy(value: unknown, depth: number, above: ReadonlySet<object>): unknown {
  if (typeof value === 'string') return value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return value
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`
  if (above.has(value) || depth > MAX_DEPTH) return '…'
  if (value instanceof Date) return value
  if (value instanceof Error) return copyError(value, depth, above)
  if ('toJSON' in value && typeof value.toJSON === 'function') return value.toJSON() as unknown
  if (!Array.isArray(value)) return copyMap(value, depth, above)
  const inside = new Set(above).add(value)
  return value.slice(0, MAX_ENTRIES).map((item) => copy(item, depth + 1, inside))
}

function copyError(error: Error, depth: number, above: ReadonlySet<object>): Record<string, unknown> {
  const inside = new Set(above).add(error)
  return {
    type: error.name,
    message: copy(error.message, depth, inside),
    ...('code' in error && { code: copy(error.code, depth + 1, inside) }),
    stack: copy(error.stack, depth, inside),
    ...(error.cause !== undefined && { cause: copy(error.cause, depth + 1, inside) }),
  }
}
