import { Float, get, isObject } from './value.ts'
import type { Value } from './value.ts'

/**
 * A value from JSON that another program wrote: 1.0 stays a float, an integer beyond 2^53 exact, `{"__bytes__": BASE64}` becomes bytes
 * (as `toJsonText` writes them).
 *
 * @throws SyntaxError when the text is no JSON
 */
export function fromJson(text: string): Value {
  return revived(text, (value) => {
    const bytes = bytesTextOf(value)
    return bytes === undefined ? value : Uint8Array.from(Buffer.from(bytes, 'base64'))
  })
}

/**
 * The same without bytes: JSON as it stands, its numbers exact.
 *
 * @throws SyntaxError when the text is no JSON
 */
export function exactJson(text: string): Value {
  return revived(text, (value) => value)
}

function revived(text: string, revive: (value: unknown) => unknown): Value {
  const read = JSON.parse as (text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown) => unknown
  return read(text, (_key, value, { source }) => (typeof value === 'number' && source !== undefined ? numberOf(value, source) : revive(value))) as Value
}

function numberOf(value: number, source: string): Value {
  if (/^-?[0-9]+$/.test(source)) return Number.isSafeInteger(value) ? value : BigInt(source)
  return Number.isInteger(value) ? new Float(value) : value
}

function bytesTextOf(value: unknown): string | undefined {
  if (!isObject(value) || Object.keys(value).length !== 1) return undefined
  const text = get(value, '__bytes__')
  return typeof text === 'string' ? text : undefined
}
