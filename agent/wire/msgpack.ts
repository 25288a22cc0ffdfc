/**
 * msgpack as Salt speaks it, over the lossless values of value.ts.
 *
 * Two dialects of one format: the *wire* writes text and bytes both with the old raw family (Python's `use_bin_type=False`:
 * no str8, no bin), *disk*, tcp frames and signatures use the new spec types. Both are read, whichever is asked for.
 *
 * Everything that is read is treated as hostile: a length is compared with the bytes that are left before anything is
 * allocated, and depth and number of values are bounded.
 */
import { MsgpackError } from './msgpack-error.ts'
import { encodeValue } from './msgpack-encode.ts'
import { decodeValue } from './msgpack-decode.ts'
import type { DecodeLimits } from './msgpack-decode.ts'
import type { EncodeOptions } from './msgpack-encode.ts'
import type { Value } from './value.ts'

export { MsgpackError }
export type { DecodeLimits, EncodeOptions }

/**
 * Encodes a value: a `Value`, or any plain structure of its kinds (a typed record such as a JobReturn). Integers take
 * their smallest form, other numbers float64; an integer beyond 64 bits becomes its decimal text, as in Salt; members
 * that are undefined are left out; a Set becomes an array.
 *
 * @throws MsgpackError for what msgpack cannot hold (functions, symbols, foreign classes) and for structures deeper than 512.
 */
export function encode(value: unknown, options: EncodeOptions = {}): Buffer {
  return encodeValue(value, options.bin === true)
}

/**
 * Decodes exactly one value. str and bin become text when they are valid UTF-8, else bytes (Salt's rule); with `raw` they
 * stay bytes, except map keys. Of duplicate keys the last wins. The result never refers to `bytes`.
 *
 * @throws MsgpackError, with the offset, for malformed, truncated, too deep or too large input and for trailing bytes.
 */
export function decode(bytes: Uint8Array, limits: DecodeLimits = {}): Value {
  return decodeValue(bytes, limits)
}
