/**
 * Salt's frames on a TCP stream (transport/frame.py, tcp.py): msgpack maps `{head: {…}, body: …}` one after the other, without a length in
 * front, so that where one ends is only known from its content. What the body holds stays bytes here.
 */
import { createValueEnd, readHeader } from './value-extent.ts'

/** One frame that came. */
export interface Frame {
  /** `mid` of the head: a reply has its request's. */
  mid: string | undefined
  /** The msgpack value of the body. */
  body: Buffer
}

/** A stream that holds no frames: nothing after it can be understood. */
export class FrameError extends Error {
  override name = 'FrameError'
}

/** Cuts a stream into frames. */
export interface FrameReader {
  /** Takes what came; gives the frames that are complete with it. @throws FrameError or ExtentError for what is none, or is too large. */
  push(chunk: Buffer): Frame[]
}

const HEAD = Buffer.concat([Buffer.of(0x82, 0xa4), Buffer.from('head')])
const BODY = Buffer.concat([Buffer.of(0xa4), Buffer.from('body')])
/** What `frameOf` puts around a body at most, with a message id of 36 characters. */
export const FRAME_OVERHEAD_BYTES = 64

/** The frame of a message. `body`: one msgpack value; `mid`: the message id, ASCII, at most 36 characters. */
export function frameOf(body: Uint8Array, mid?: string): Buffer {
  const head = mid === undefined ? [Buffer.of(0x80)] : [Buffer.of(0x81, 0xa3), Buffer.from('mid'), Buffer.of(0xd9, mid.length), Buffer.from(mid, 'latin1')]
  return Buffer.concat([HEAD, ...head, BODY, body])
}

/** Makes a reader. `maxBytes`: the largest frame that is taken. */
export function createFrameReader(maxBytes: number): FrameReader {
  let store: Buffer = Buffer.alloc(0)
  let held = 0
  let end = createValueEnd(maxBytes)

  function checkSize(more: number): void {
    if (held + more > maxBytes) throw new FrameError(`a frame is larger than ${maxBytes} bytes`)
  }

  function keep(part: Buffer): void {
    checkSize(part.length)
    if (held + part.length > store.length) {
      const larger = Buffer.allocUnsafe(Math.max(held + part.length, Math.min(2 * store.length, maxBytes)))
      store.copy(larger, 0, 0, held)
      store = larger
    }
    part.copy(store, held)
    held += part.length
  }

  function complete(last: Buffer): Frame {
    checkSize(last.length)
    if (held > 0) keep(last)
    const frame = held > 0 ? store.subarray(0, held) : last
    store = Buffer.alloc(0)
    held = 0
    end = createValueEnd(maxBytes)
    return parseFrame(frame)
  }

  return {
    push(chunk) {
      const frames: Frame[] = []
      let rest = chunk
      while (rest.length > 0) {
        // What is no frame is known from its first byte: nothing of it is gathered.
        if (held === 0 && !isMap(rest[0])) throw new FrameError('what came is no frame of Salt')
        const at = end.find(rest)
        if (at === undefined) {
          keep(rest)
          break
        }
        frames.push(complete(rest.subarray(0, at)))
        rest = rest.subarray(at)
      }
      return frames
    },
  }
}

function parseFrame(bytes: Buffer): Frame {
  const members = membersOf(bytes)
  const head = members.get('head')
  const body = members.get('body')
  if (head === undefined || body === undefined) throw new FrameError('a frame without head or body')
  const mid = membersOf(head).get('mid')
  return { mid: mid && textOf(mid), body }
}

/** The members of a map by their keys, as the bytes of their values. @throws FrameError for what is no map, or has many members. */
function membersOf(map: Buffer): Map<string, Buffer> {
  const header = readHeader(map, 0)
  if (header === undefined || !isMap(map[0]) || header.children > MAX_CHILDREN) throw new FrameError('a frame or its head is no small map')
  const members = new Map<string, Buffer>()
  let at = header.size
  for (let left = header.children; left > 0; left -= 2) {
    const key = valueAt(map, at)
    const value = valueAt(map, at + key.length)
    members.set(textOf(key) ?? '', value)
    at += key.length + value.length
  }
  return members
}

/** Keys and values of a head or a frame: two members each, and room for what a later Salt adds. */
const MAX_CHILDREN = 32

function isMap(byte = 0): boolean {
  return (byte >= 0x80 && byte <= 0x8f) || byte === 0xde || byte === 0xdf
}

function valueAt(bytes: Buffer, at: number): Buffer {
  const rest = bytes.subarray(at)
  const length = createValueEnd(rest.length).find(rest)
  if (length === undefined) throw new FrameError('a frame that ends too early')
  return rest.subarray(0, length)
}

/** The text of a msgpack str or bin, which Salt takes for the same; undefined for another value. */
function textOf(value: Buffer): string | undefined {
  const first = value[0] ?? 0
  const isText = (first >= 0xa0 && first <= 0xbf) || (first >= 0xd9 && first <= 0xdb) || (first >= 0xc4 && first <= 0xc6)
  return isText ? value.toString('latin1', readHeader(value, 0)?.size) : undefined
}
