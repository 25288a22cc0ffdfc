import { EXTENSION, MAX_DEPTH, MsgpackError } from './msgpack-error.ts'
import { Constant, DateTime, Extension, Float, isObject } from './value.ts'
import type { ValueObject } from './value.ts'

/** The longest text whose head is one byte in both dialects. */
const SHORT = 31

export interface EncodeOptions {
  /** Write the new spec types (str8, bin): for disk, tcp frames and signatures. The wire is the default. */
  bin?: boolean
}

/** A growing buffer. */
interface Sink {
  bytes: Buffer
  length: number
}

/** The encoder behind `encode` of msgpack.ts. */
export function encodeValue(value: unknown, bin: boolean): Buffer {
  const sink: Sink = { bytes: Buffer.allocUnsafe(256), length: 0 }
  write(sink, value, bin, 0)
  return Buffer.from(sink.bytes.subarray(0, sink.length))
}

function write(sink: Sink, value: unknown, bin: boolean, depth: number): void {
  if (depth > MAX_DEPTH) throw new MsgpackError(`a structure deeper than ${MAX_DEPTH} cannot be encoded`)
  if (value === null || value === undefined) return writeByte(sink, 0xc0)
  if (typeof value === 'boolean') return writeByte(sink, value ? 0xc3 : 0xc2)
  if (typeof value === 'number') return writeNumber(sink, value)
  if (typeof value === 'bigint') return writeBigint(sink, value, bin)
  if (typeof value === 'string') return writeText(sink, value, bin)
  if (typeof value === 'object') return writeObject(sink, value, bin, depth)
  throw new MsgpackError(`a ${typeof value} cannot be encoded`)
}

function writeObject(sink: Sink, value: object, bin: boolean, depth: number): void {
  if (Array.isArray(value)) return writeArray(sink, value, bin, depth)
  if (isObject(value)) return writeMembers(sink, value, bin, depth)
  if (value instanceof Uint8Array) return writeBytes(sink, value, bin)
  if (value instanceof Map) return writeMap(sink, [...value.entries()], bin, depth)
  if (value instanceof Set) return writeArray(sink, [...value], bin, depth)
  if (value instanceof Float) return writeFloat(sink, value.value)
  if (value instanceof DateTime) return writeExtension(sink, EXTENSION.datetime, Buffer.from(value.text))
  if (value instanceof Constant) {
    const inner: Sink = { bytes: Buffer.allocUnsafe(64), length: 0 }
    write(inner, [value.name, value.value], true, depth + 1)
    return writeExtension(sink, EXTENSION.constant, inner.bytes.subarray(0, inner.length))
  }
  if (value instanceof Extension) return writeExtension(sink, value.type, value.data)
  throw new MsgpackError(`a ${value.constructor.name} cannot be encoded`)
}

function writeArray(sink: Sink, items: unknown[], bin: boolean, depth: number): void {
  const count = items.length
  if (count < 16) writeByte(sink, 0x90 | count)
  else if (count < 0x10000) writeUint16(sink, 0xdc, count)
  else writeUint32(sink, 0xdd, count)
  for (const item of items) write(sink, item, bin, depth + 1)
}

function writeMembers(sink: Sink, value: ValueObject, bin: boolean, depth: number): void {
  const names = Object.keys(value).filter((name) => value[name] !== undefined)
  writeMapHead(sink, names.length)
  for (const name of names) {
    writeText(sink, name, bin)
    write(sink, value[name], bin, depth + 1)
  }
}

function writeMap(sink: Sink, members: [unknown, unknown][], bin: boolean, depth: number): void {
  writeMapHead(sink, members.length)
  for (const [key, member] of members) {
    write(sink, key, bin, depth + 1)
    write(sink, member, bin, depth + 1)
  }
}

function writeMapHead(sink: Sink, count: number): void {
  if (count < 16) writeByte(sink, 0x80 | count)
  else if (count < 0x10000) writeUint16(sink, 0xde, count)
  else writeUint32(sink, 0xdf, count)
}

function writeNumber(sink: Sink, value: number): void {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) return writeFloat(sink, value)
  if (value >= 0) {
    if (value < 0x80) return writeByte(sink, value)
    if (value < 0x100) return writeUint8(sink, 0xcc, value)
    if (value < 0x10000) return writeUint16(sink, 0xcd, value)
    if (value < 0x100000000) return writeUint32(sink, 0xce, value)
    return writeUint64(sink, 0xcf, BigInt(value))
  }
  if (value >= -0x20) return writeByte(sink, value & 0xff)
  if (value >= -0x80) return writeUint8(sink, 0xd0, value & 0xff)
  if (value >= -0x8000) return writeUint16(sink, 0xd1, value & 0xffff)
  if (value >= -0x80000000) return writeUint32(sink, 0xd2, value >>> 0)
  return writeUint64(sink, 0xd3, BigInt.asUintN(64, BigInt(value)))
}

function writeBigint(sink: Sink, value: bigint, bin: boolean): void {
  if (value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)) {
    return writeNumber(sink, Number(value))
  }
  if (value > 0n && value < 1n << 64n) return writeUint64(sink, 0xcf, value)
  if (value < 0n && value >= -(1n << 63n)) return writeUint64(sink, 0xd3, BigInt.asUintN(64, value))
  writeText(sink, value.toString(), bin)
}

function writeFloat(sink: Sink, value: number): void {
  reserve(sink, 9)
  sink.bytes[sink.length] = 0xcb
  sink.bytes.writeDoubleBE(value, sink.length + 1)
  sink.length += 9
}

function writeText(sink: Sink, text: string, bin: boolean): void {
  if (text.length <= SHORT && writeAscii(sink, text)) return
  const length = Buffer.byteLength(text)
  writeRawHead(sink, length, bin)
  reserve(sink, length)
  sink.bytes.write(text, sink.length, length, 'utf8')
  sink.length += length
}

/** A short text of ASCII, as most names are, is written here sooner than Node is asked to. False when it is not one: nothing is written then. */
function writeAscii(sink: Sink, text: string): boolean {
  const { length } = text
  reserve(sink, 1 + length)
  const { bytes, length: start } = sink
  for (let index = 0; index < length; index += 1) {
    const code = text.charCodeAt(index)
    if (code >= 0x80) return false
    bytes[start + 1 + index] = code
  }
  bytes[start] = 0xa0 | length
  sink.length = start + 1 + length
  return true
}

/** The old raw family. str8 came together with bin, so without `bin` a length of 32 to 255 takes two length bytes. */
function writeRawHead(sink: Sink, length: number, bin: boolean): void {
  if (length < 32) writeByte(sink, 0xa0 | length)
  else if (bin && length < 0x100) writeUint8(sink, 0xd9, length)
  else if (length < 0x10000) writeUint16(sink, 0xda, length)
  else writeUint32(sink, 0xdb, length)
}

function writeBytes(sink: Sink, data: Uint8Array, bin: boolean): void {
  const length = data.length
  if (!bin) writeRawHead(sink, length, false)
  else if (length < 0x100) writeUint8(sink, 0xc4, length)
  else if (length < 0x10000) writeUint16(sink, 0xc5, length)
  else writeUint32(sink, 0xc6, length)
  append(sink, data)
}

function writeExtension(sink: Sink, type: number, data: Uint8Array): void {
  const length = data.length
  const fixed = [1, 2, 4, 8, 16].indexOf(length)
  if (fixed >= 0) writeByte(sink, 0xd4 + fixed)
  else if (length < 0x100) writeUint8(sink, 0xc7, length)
  else if (length < 0x10000) writeUint16(sink, 0xc8, length)
  else writeUint32(sink, 0xc9, length)
  writeByte(sink, type & 0xff)
  append(sink, data)
}

function append(sink: Sink, data: Uint8Array): void {
  reserve(sink, data.length)
  sink.bytes.set(data, sink.length)
  sink.length += data.length
}

function writeByte(sink: Sink, byte: number): void {
  reserve(sink, 1)
  sink.bytes[sink.length] = byte
  sink.length += 1
}

function writeUint8(sink: Sink, head: number, value: number): void {
  reserve(sink, 2)
  sink.bytes[sink.length] = head
  sink.bytes[sink.length + 1] = value
  sink.length += 2
}

function writeUint16(sink: Sink, head: number, value: number): void {
  reserve(sink, 3)
  sink.bytes[sink.length] = head
  sink.bytes.writeUInt16BE(value, sink.length + 1)
  sink.length += 3
}

function writeUint32(sink: Sink, head: number, value: number): void {
  if (value > 0xffffffff) throw new MsgpackError('a length beyond 32 bits cannot be encoded')
  reserve(sink, 5)
  sink.bytes[sink.length] = head
  sink.bytes.writeUInt32BE(value, sink.length + 1)
  sink.length += 5
}

function writeUint64(sink: Sink, head: number, value: bigint): void {
  reserve(sink, 9)
  sink.bytes[sink.length] = head
  sink.bytes.writeBigUInt64BE(value, sink.length + 1)
  sink.length += 9
}

function reserve(sink: Sink, more: number): void {
  const needed = sink.length + more
  if (needed <= sink.bytes.length) return
  const grown = Buffer.allocUnsafe(Math.max(needed, sink.bytes.length * 2))
  sink.bytes.copy(grown, 0, 0, sink.length)
  sink.bytes = grown
}
