/** msgpack for returners whose target holds it: the codec of the wire, which knows nothing of the agent, and its values as JSON has them. */
import { toJsonValue } from '../../agent/wire/json.ts'
import { decode, encode } from '../../agent/wire/msgpack.ts'
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
  if (bytes.includes(REPLACEMENT) && JSON.stringify(unpacked(bytes)) !== JSON.stringify(value)) {
    throw new PermanentError('holds half a surrogate pair, which msgpack cannot')
  }
  return bytes
}

/** The value of msgpack as JSON has it. @throws MsgpackError when it is none */
export function unpacked(bytes: Uint8Array): unknown {
  return toJsonValue(decode(bytes))
}
