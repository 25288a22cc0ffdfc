import { isUtf8 } from 'node:buffer'
import { EXTENSION, MAX_DEPTH, MsgpackError } from './msgpack-error.ts'
import { Constant, DateTime, Extension, Float } from './value.ts'
import type { Value, ValueObject } from './value.ts'

export interface DecodeLimits {
  /** Deepest nesting; default and at most 512. */
  maxDepth?: number
  /** Most values in all, keys included; default ten million. What nobody has authenticated deserves a small number. */
  maxValues?: number
  /** Keep str and bin as bytes; map keys still become text where they can. */
  raw?: boolean
}

const DEFAULT_MAX_VALUES = 10_000_000

/** What stands in a text for bytes that are none. */
const REPLACEMENT = '\ufffd'

/** The input with a position. */
interface Source {
  bytes: Buffer
  offset: number
  /** Values that may still be read. */
  allowance: number
  maxDepth: number
  raw: boolean
}

/** The decoder behind `decode` of msgpack.ts. */
export function decodeValue(bytes: Uint8Array, limits: DecodeLimits): Value {
  const source: Source = {
    bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    offset: 0,
    allowance: limits.maxValues ?? DEFAULT_MAX_VALUES,
    maxDepth: Math.min(limits.maxDepth ?? MAX_DEPTH, MAX_DEPTH),
    raw: limits.raw === true,
  }
  const value = read(source, 0)
  if (source.offset !== source.bytes.length) throw new MsgpackError('trailing bytes', source.offset)
  return value
}

function read(source: Source, depth: number): Value {
  const at = source.offset
  if (depth > source.maxDepth) throw new MsgpackError(`nesting deeper than ${source.maxDepth}`, at)
  source.allowance -= 1
  if (source.allowance < 0) throw new MsgpackError('too many values', at)
  const head = readByte(source)
  if (head < 0x80) return head
  if (head >= 0xe0) return head - 0x100
  if (head < 0x90) return readMap(source, head & 0x0f, depth)
  if (head < 0xa0) return readArray(source, head & 0x0f, depth)
  if (head < 0xc0) return readText(source, head & 0x1f)
  return readHeaded(source, head, depth)
}

/** The types whose first byte says nothing but the type. */
function readHeaded(source: Source, head: number, depth: number): Value {
  switch (head) {
    case 0xc0: return null
    case 0xc2: return false
    case 0xc3: return true
    case 0xc4: case 0xd9: return readText(source, readByte(source))
    case 0xc5: case 0xda: return readText(source, readUint(source, 2))
    case 0xc6: case 0xdb: return readText(source, readUint(source, 4))
    case 0xc7: return readExtension(source, readByte(source), depth)
    case 0xc8: return readExtension(source, readUint(source, 2), depth)
    case 0xc9: return readExtension(source, readUint(source, 4), depth)
    case 0xca: return fromFloat(take(source, 4).readFloatBE())
    case 0xcb: return fromFloat(take(source, 8).readDoubleBE())
    case 0xcc: return readByte(source)
    case 0xcd: return readUint(source, 2)
    case 0xce: return readUint(source, 4)
    case 0xcf: return fromBigint(take(source, 8).readBigUInt64BE())
    case 0xd0: return take(source, 1).readInt8()
    case 0xd1: return take(source, 2).readInt16BE()
    case 0xd2: return take(source, 4).readInt32BE()
    case 0xd3: return fromBigint(take(source, 8).readBigInt64BE())
    case 0xd4: case 0xd5: case 0xd6: case 0xd7: case 0xd8: return readExtension(source, 1 << (head - 0xd4), depth)
    case 0xdc: return readArray(source, readUint(source, 2), depth)
    case 0xdd: return readArray(source, readUint(source, 4), depth)
    case 0xde: return readMap(source, readUint(source, 2), depth)
    case 0xdf: return readMap(source, readUint(source, 4), depth)
    default: throw new MsgpackError('a byte that msgpack never uses', source.offset - 1)
  }
}

/** An integral float keeps its kind; what JavaScript would write back as a float anyway stays a plain number. */
function fromFloat(value: number): number | Float {
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? new Float(value) : value
}

function fromBigint(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

function readText(source: Source, length: number): string | Uint8Array {
  expectLeft(source, length)
  const { bytes, offset } = source
  const end = offset + length
  source.offset = end
  const text = source.raw ? REPLACEMENT : bytes.toString('utf8', offset, end)
  // What is no UTF-8 never becomes a text without it, which is quicker than to look at all bytes twice.
  if (!text.includes(REPLACEMENT)) return text
  const own = bytes.subarray(offset, end)
  return source.raw || !isUtf8(own) ? Uint8Array.from(own) : text
}

function readArray(source: Source, count: number, depth: number): Value[] {
  expectLeft(source, count)
  const items: Value[] = []
  for (let index = 0; index < count; index += 1) items.push(read(source, depth + 1))
  return items
}

function readMap(source: Source, count: number, depth: number): ValueObject | Map<Value, Value> {
  expectLeft(source, count * 2)
  const object: ValueObject = Object.create(null)
  for (let index = 0; index < count; index += 1) {
    const key = readKey(source, depth + 1)
    if (typeof key !== 'string' || isArrayIndex(key)) return readIntoMap(source, object, key, count - index, depth)
    object[key] = read(source, depth + 1)
  }
  return object
}

/** Goes on as a `Map` from the first key that an object could not hold, or would reorder. `left` counts that pair too. */
function readIntoMap(source: Source, object: ValueObject, first: Value, left: number, depth: number): Map<Value, Value> {
  const map = new Map<Value, Value>(Object.entries(object))
  const seen = new Map<string, Value>()
  let key = first
  for (let pair = 0; pair < left; pair += 1) {
    if (pair > 0) key = readKey(source, depth + 1)
    map.set(sameKey(seen, key), read(source, depth + 1))
  }
  return map
}

/** JavaScript compares bytes and floats by identity; so that the last of duplicate keys wins, equal ones become one. */
function sameKey(seen: Map<string, Value>, key: Value): Value {
  const identity = keyIdentity(key)
  if (identity === undefined) return key
  const known = seen.get(identity)
  if (known === undefined) seen.set(identity, key)
  return known ?? key
}

function keyIdentity(key: Value): string | undefined {
  if (key instanceof Uint8Array) return `bytes ${Buffer.from(key).toString('latin1')}`
  if (key instanceof Float) return `float ${key.value}`
  return undefined
}

function readKey(source: Source, depth: number): Value {
  const { raw } = source
  source.raw = false
  const key = read(source, depth)
  source.raw = raw
  return key
}

function isArrayIndex(key: string): boolean {
  const first = key.charCodeAt(0)
  return first >= 0x30 && first <= 0x39 && String(Number(key) >>> 0) === key
}

function readExtension(source: Source, length: number, depth: number): Value {
  const type = take(source, 1).readInt8()
  const at = source.offset
  const data = take(source, length)
  if (type === EXTENSION.datetime && isUtf8(data)) return new DateTime(data.toString('utf8'))
  if (type === EXTENSION.constant) return readConstant(source, at, length, depth)
  return new Extension(type, Uint8Array.from(data))
}

/** A constant's payload is msgpack itself: it counts against the same limits. What is not [name, value] stays an extension. */
function readConstant(source: Source, at: number, length: number, depth: number): Value {
  const data = source.bytes.subarray(at, at + length)
  const inner: Source = { ...source, bytes: data, offset: 0, raw: false }
  try {
    const pair = read(inner, depth + 1)
    if (inner.offset === length && Array.isArray(pair) && pair.length === 2) {
      const [name, value] = pair
      if (typeof name === 'string' && value !== undefined) return new Constant(name, value)
    }
  } catch (error) {
    if (!(error instanceof MsgpackError)) throw error
  } finally {
    source.allowance = inner.allowance
  }
  return new Extension(EXTENSION.constant, Uint8Array.from(data))
}

function readByte(source: Source): number {
  expectLeft(source, 1)
  const byte = source.bytes[source.offset] ?? 0
  source.offset += 1
  return byte
}

function readUint(source: Source, width: 2 | 4): number {
  expectLeft(source, width)
  const { bytes, offset } = source
  source.offset = offset + width
  return bytes.readUIntBE(offset, width)
}

function take(source: Source, length: number): Buffer {
  expectLeft(source, length)
  const { bytes, offset } = source
  source.offset = offset + length
  return bytes.subarray(offset, offset + length)
}

/** Every value takes at least one byte, so a count beyond what is left is a lie: said before anything is allocated for it. */
function expectLeft(source: Source, needed: number): void {
  if (needed > source.bytes.length - source.offset) throw new MsgpackError('the input ends too early', source.offset)
}
