/**
 * The one JSON form of a value, made once per return and given to every returner.
 *
 * | value                | text                                   | value for code (`toJsonValue`)   |
 * |----------------------|----------------------------------------|----------------------------------|
 * | integer beyond 2^53  | exact number                           | its decimal text                 |
 * | 1.0                  | `1.0`                                  | `1`                              |
 * | NaN, ±Infinity       | `"NaN"`, `"Infinity"`, `"-Infinity"`   | the same text                    |
 * | bytes                | `{"__bytes__":"<base64>"}`             | the same map                     |
 * | DateTime             | ISO text, `"2025-01-02T03:04:05.000000"` | the same text                  |
 * | Constant             | `{"__constant__":[name,value]}`        | the same map                     |
 * | other extension      | `{"__ext__":[type,"<base64>"]}`        | the same map                     |
 * | nested beyond 512    | `{"__truncated__":"nesting"}`          | the same map                     |
 *
 * Keys that are not text are written as Python's json writes them (True → `true`, None → `null`, 1 → `1`, 1.5 → `1.5`); keys that
 * Python refuses (bytes, lists …) become the JSON text of the key. Where two keys would fall together, text keys keep their
 * name and the others get their kind added: {1: a, "1": b} → {"1 (int)": a, "1": b}. The order of a map is kept in the text.
 * Nothing here throws for any value, and `__proto__` is an ordinary own member of the result.
 */
import { decode, MsgpackError } from './msgpack.ts'
import { MAX_DEPTH } from './msgpack-error.ts'
import { Constant, DateTime, Extension, Float, entries, isObject } from './value.ts'
import type { Value, ValueObject } from './value.ts'

/** A JobReturn as returners see it: Salt's fields, JSON-safe. */
export interface JobReturnJson {
  jid: string
  id: string
  fun: string | string[]
  fun_args: unknown[]
  return: unknown
  retcode: unknown
  success: unknown
  out?: string
  user?: string
  master_id?: string
  metadata?: Record<string, unknown>
  schedule?: string
  returner_errors?: Record<string, unknown>
  /** It is not whole: a destination's size cap cut it. */
  truncated?: { bytes: number; limit: number; whole: string }
}

/** JSON text of a value, by the table above. Never throws. */
export function toJsonText(value: Value): string {
  return text(value, 0)
}

/** The same as a structure that `JSON.stringify` takes: plain objects, arrays, strings, numbers, booleans and null. Never throws. */
export function toJsonValue(value: Value): unknown {
  return plain(value, 0, { differing: false })
}

/**
 * Reads a stored JobReturn (msgpack) and gives it as a record and as JSON text.
 *
 * @throws MsgpackError when the bytes are not msgpack or not a return.
 */
export function recordOf(body: Uint8Array): { record: JobReturnJson; json: string } {
  return recordOfValue(decode(body))
}

/** The same of a return that was decoded. @throws MsgpackError when it is none */
export function recordOfValue(value: Value): { record: JobReturnJson; json: string } {
  const seen: Seen = { differing: false }
  const record = plain(value, 0, seen)
  if (!isJobReturn(record)) throw new MsgpackError('the record is not a return')
  // Most records hold nothing whose text is another than theirs: Node writes that of a whole one in the time of a few members.
  return { record, json: seen.differing ? toJsonText(value) : JSON.stringify(record) }
}

function isJobReturn(record: unknown): record is JobReturnJson {
  if (typeof record !== 'object' || record === null) return false
  const { jid, id, fun, fun_args: args, return: result } = record as Record<string, unknown>
  return typeof jid === 'string' && typeof id === 'string' && (typeof fun === 'string' || Array.isArray(fun)) &&
    Array.isArray(args) && result !== undefined
}

/** The common kinds first: a return is mostly texts and maps of them, and each goes through here once for every returner. */
function text(value: Value, depth: number): string {
  if (depth > MAX_DEPTH) return '{"__truncated__":"nesting"}'
  if (typeof value === 'string') return JSON.stringify(value)
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0) ? String(value) : floatText(value)
  if (typeof value === 'bigint') return value.toString()
  if (isObject(value)) return objectText(value, depth)
  if (value instanceof Float) return floatText(value.value)
  if (Array.isArray(value)) return `[${value.map((item) => text(item, depth + 1)).join(',')}]`
  if (value instanceof Map) return `{${namedEntries(value).map(([name, member]) => `${JSON.stringify(name)}:${text(member, depth + 1)}`).join(',')}}`
  if (value instanceof Constant) return `{"__constant__":[${JSON.stringify(value.name)},${text(value.value, depth + 1)}]}`
  return JSON.stringify(toJsonValue(value))
}

function objectText(value: ValueObject, depth: number): string {
  let out = ''
  for (const name of Object.keys(value)) {
    const member = value[name]
    if (member !== undefined) out += `${out === '' ? '' : ','}${JSON.stringify(name)}:${text(member, depth + 1)}`
  }
  return `{${out}}`
}

function floatText(value: number): string {
  if (!Number.isFinite(value)) return JSON.stringify(String(value))
  const digits = Object.is(value, -0) ? '-0' : String(value)
  return /^-?\d+$/.test(digits) ? `${digits}.0` : digits
}

/** What was met while a value became a record. */
interface Seen {
  /** Something that stands in the text otherwise than in the record, by the table above. */
  differing: boolean
}

function plain(value: Value, depth: number, seen: Seen): unknown {
  if (depth > MAX_DEPTH) return { __truncated__: 'nesting' }
  if (typeof value === 'number') return Number.isFinite(value) ? plainNumber(value, seen) : String(value)
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  if (Array.isArray(value)) return value.map((item) => plain(item, depth + 1, seen))
  if (isObject(value)) return plainMembers(value, depth, seen)
  seen.differing ||= typeof value === 'bigint' || value instanceof Map || value instanceof Float
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Map) return plainObject(namedEntries(value).map(([name, member]) => [name, plain(member, depth + 1, seen)]))
  if (value instanceof Float) return plain(value.value, depth, seen)
  if (value instanceof Uint8Array) return { __bytes__: base64(value) }
  if (value instanceof DateTime) return isoText(value.text)
  if (value instanceof Constant) return { __constant__: [value.name, plain(value.value, depth + 1, seen)] }
  if (value instanceof Extension) return { __ext__: [value.type, base64(value.data)] }
  return String(value)
}

function plainNumber(value: number, seen: Seen): number {
  seen.differing ||= Object.is(value, -0)
  return value
}

function plainMembers(value: ValueObject, depth: number, seen: Seen): Record<string, unknown> {
  if (Object.hasOwn(value, '__proto__')) return plainObject(Object.entries(value).map(([name, member]) => [name, plain(member, depth + 1, seen)]))
  const object: Record<string, unknown> = {}
  for (const name of Object.keys(value)) object[name] = plain(value[name] ?? null, depth + 1, seen)
  return object
}

/** Defines members instead of assigning them, as JSON.parse does, so that `__proto__` sets no prototype. */
function plainObject(members: [string, unknown][]): Record<string, unknown> {
  const object: Record<string, unknown> = {}
  for (const [name, member] of members) {
    if (name === '__proto__') Object.defineProperty(object, name, { value: member, enumerable: true, writable: true, configurable: true })
    else object[name] = member
  }
  return object
}

function namedEntries(map: Map<Value, Value>): [string, Value][] {
  const members = entries(map)
  const taken = new Set<string>()
  for (const [key] of members) if (typeof key === 'string') taken.add(key)
  return members.map(([key, member]) => {
    if (typeof key === 'string') return [key, member]
    const name = freeName(keyText(key), kindOf(key), taken)
    taken.add(name)
    return [name, member]
  })
}

function freeName(name: string, kind: string, taken: Set<string>): string {
  if (!taken.has(name)) return name
  let candidate = `${name} (${kind})`
  for (let count = 2; taken.has(candidate); count += 1) candidate = `${name} (${kind} ${count})`
  return candidate
}

function keyText(key: Value): string {
  if (key instanceof Float) return floatText(key.value).replaceAll('"', '')
  if (key instanceof DateTime) return isoText(key.text)
  if (typeof key === 'object' && key !== null) return toJsonText(key)
  return String(key)
}

function kindOf(key: Value): string {
  if (typeof key === 'boolean') return 'bool'
  if (key === null) return 'none'
  if (typeof key === 'bigint' || (typeof key === 'number' && Number.isInteger(key))) return 'int'
  if (typeof key === 'number' || key instanceof Float) return 'float'
  if (key instanceof Uint8Array) return 'bytes'
  return 'other'
}

/** `20250102T03:04:05.000000` → `2025-01-02T03:04:05.000000`; anything else stays as it came. */
export function isoText(stamp: string): string {
  return stamp.replace(/^(\d{4})(\d{2})(\d{2})T/, '$1-$2-$3T')
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
