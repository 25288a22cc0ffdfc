/** Where a msgpack value ends: all that a stream of values needs to know of them. */

/** Bytes that are no msgpack, or more of it than is taken. */
export class ExtentError extends Error {
  override name = 'ExtentError'
}

export interface ValueEnd {
  /** How many bytes of this chunk belong to the value; undefined when it goes on after it. */
  find(chunk: Buffer): number | undefined
}

/**
 * Looks for the end of one msgpack value, chunk by chunk, each byte once: of what is still to come only the number of values counts, not how
 * they are nested. A value is never shorter than a byte: more than `maxBytes` of them are not waited for.
 */
export function createValueEnd(maxBytes: number): ValueEnd {
  let values = 1
  let skip = 0
  let cut: Buffer = Buffer.alloc(0)

  return {
    find(chunk) {
      const bytes = cut.length === 0 ? chunk : Buffer.concat([cut, chunk])
      const before = cut.length
      cut = Buffer.alloc(0)
      let at = 0
      for (;;) {
        const skipped = Math.min(skip, bytes.length - at)
        skip -= skipped
        at += skipped
        if (skip > 0) return undefined
        if (values === 0) return at - before
        const header = readHeader(bytes, at)
        if (header === undefined) {
          cut = bytes.subarray(at)
          return undefined
        }
        values += header.children - 1
        if (values > maxBytes) throw new ExtentError(`a value is larger than ${maxBytes} bytes`)
        skip = header.skip
        at += header.size
      }
    },
  }
}

export interface ValueHeader {
  /** Bytes of the header itself. */
  size: number
  /** Bytes of content after it. */
  skip: number
  /** Values after it that belong to it. */
  children: number
}

/** What a count in a header counts. */
const KINDS = {
  bytes: { skipEach: 1, skipMore: 0, childrenEach: 0 },
  ext: { skipEach: 1, skipMore: 1, childrenEach: 0 },
  array: { skipEach: 0, skipMore: 0, childrenEach: 1 },
  map: { skipEach: 0, skipMore: 0, childrenEach: 2 },
} as const

/** First byte → bytes of the count that follows it, and what it counts. */
const LENGTHS: Readonly<Record<number, readonly [length: number, kind: keyof typeof KINDS]>> = {
  0xc4: [1, 'bytes'], 0xc5: [2, 'bytes'], 0xc6: [4, 'bytes'], 0xd9: [1, 'bytes'], 0xda: [2, 'bytes'], 0xdb: [4, 'bytes'],
  0xc7: [1, 'ext'], 0xc8: [2, 'ext'], 0xc9: [4, 'ext'],
  0xdc: [2, 'array'], 0xdd: [4, 'array'], 0xde: [2, 'map'], 0xdf: [4, 'map'],
}

/** float32 … int64, then fixext 1 … 16 with their type. */
const FIXED: Readonly<Record<number, number>> = {
  0xca: 4, 0xcb: 8, 0xcc: 1, 0xcd: 2, 0xce: 4, 0xcf: 8, 0xd0: 1, 0xd1: 2, 0xd2: 4, 0xd3: 8,
  0xd4: 2, 0xd5: 3, 0xd6: 5, 0xd7: 9, 0xd8: 17,
}

/** Undefined when the header is not all there. @throws ExtentError for the one byte that msgpack does not use. */
export function readHeader(bytes: Buffer, at: number): ValueHeader | undefined {
  const first = bytes[at]
  if (first === undefined) return undefined
  if (first < 0x80 || first >= 0xe0) return { size: 1, skip: 0, children: 0 }
  if (first < 0x90) return { size: 1, skip: 0, children: 2 * (first & 0x0f) }
  if (first < 0xa0) return { size: 1, skip: 0, children: first & 0x0f }
  if (first < 0xc0) return { size: 1, skip: first & 0x1f, children: 0 }
  if (first === 0xc1) throw new ExtentError('what came is no msgpack')
  const field = LENGTHS[first]
  if (field === undefined) return { size: 1, skip: FIXED[first] ?? 0, children: 0 }
  const [length, kind] = field
  if (bytes.length < at + 1 + length) return undefined
  const count = bytes.readUIntBE(at + 1, length)
  const { skipEach, skipMore, childrenEach } = KINDS[kind]
  return { size: 1 + length, skip: skipEach * count + skipMore, children: childrenEach * count }
}
