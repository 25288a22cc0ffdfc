/** Makes a return small enough for a destination, and says so in it: it stays a valid return, and whole on this host. */
import { toJsonText } from '../wire/json.ts'
import { entries, get, isMap, isObject, mapOf, type Value, type ValueObject } from '../wire/value.ts'

/** The longest text that stays whole, tried in turn, characters. */
const TEXT_LIMITS = [65_536, 8192, 1024, 128]

/** The fields that say which return it is: never cut. */
const IDENTITY = new Set(['jid', 'id', 'fun', 'success', 'retcode'])

/**
 * A return whose JSON has `bytes`, more than `limit`, cut: long texts first, and when that is not enough the value as a whole. It gets
 * the member `truncated` with its size, the limit, and how to see the whole of it.
 */
export function cutTo(ret: Value, bytes: number, limit: number): Value {
  if (!isObject(ret)) return ret
  const jid = get(ret, 'jid')
  const truncated = { bytes, limit, whole: `brine outbox show ${typeof jid === 'string' ? jid : 'JID'} --values` }
  for (const longest of TEXT_LIMITS) {
    const cut = Object.assign(eachField(ret, (value) => shorten(value, longest)), { truncated })
    if (Buffer.byteLength(toJsonText(cut)) <= limit) return cut
  }
  const bare = eachField(ret, () => null, [])
  return Object.assign(bare, { return: `left out: the return has ${bytes} bytes, and the limit here is ${limit}`, fun_args: [], truncated })
}

/** The fields that do not say which return it is, changed; with `only` just those, and the others are gone. */
function eachField(ret: ValueObject, change: (value: Value) => Value, only?: readonly string[]): ValueObject {
  const changed = Object.create(null) as ValueObject
  for (const [field, value] of Object.entries(ret)) {
    if (IDENTITY.has(field)) changed[field] = value
    else if (only === undefined || only.includes(field)) changed[field] = change(value)
  }
  return changed
}

function shorten(value: Value, longest: number): Value {
  if (typeof value === 'string') return shortenText(value, longest)
  if (value instanceof Uint8Array) return value.byteLength <= longest ? value : `… (${value.byteLength} bytes left out)`
  if (Array.isArray(value)) return value.map((item) => shorten(item, longest))
  if (!isMap(value)) return value
  return mapOf(entries(value).map(([key, member]): [Value, Value] => [key, shorten(member, longest)]))
}

function shortenText(text: string, longest: number): string {
  if (text.length <= longest) return text
  // Not in the middle of a character.
  const end = /[\uD800-\uDBFF]/.test(text[longest - 1] ?? '') ? longest - 1 : longest
  return `${text.slice(0, end)}… (${text.length - end} characters left out)`
}
