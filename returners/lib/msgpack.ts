/** msgpack for returners whose target holds it: the codec of the wire, which knows nothing of the agent, and its values as JSON has them. */
import { exactJson } from '../../agent/wire/from-json.ts'
import { toJsonText, toJsonValue } from '../../agent/wire/json.ts'
import { decode, encode } from '../../agent/wire/msgpack.ts'
import type { Value } from '../../agent/wire/value.ts'
import { PermanentError } from '../contract.ts'

const REPLACEMENT = Buffer.from('\ufffd')

/**
 * A JSON-safe value as msgpack with the new types, as Salt writes files.
 *
 * @throws PermanentError for what msgpack cannot hold: half a surrogate pair, which has no UTF-8
 */
export function packed(value: unknown): Buffer {
  const bytes = encode(value, { bin: true })
  // Encoding puts this mark in the place of such a half; it may also have been there.
  if (bytes.includes(REPLACEMENT) && toJsonText(decode(bytes)) !== toJsonText(value as Value)) {
    throw new PermanentError('holds half a surrogate pair, which msgpack cannot')
  }
  return bytes
}

/** JSON text as msgpack, its numbers exact. @throws PermanentError as `packed` does */
export function packedJson(json: string): Buffer {
  return packed(exactJson(json))
}

/** The value of msgpack as JSON has it. @throws MsgpackError when it is none */
export function unpacked(bytes: Uint8Array): unknown {
  return toJsonValue(decode(bytes))
}
