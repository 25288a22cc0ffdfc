/**
 * Values as Python prints them. Salt compares, joins and reports values with `str()`, so targets and texts only agree
 * with a stock minion when ours are printed the same way.
 */
import { Constant, DateTime, entries, Extension, Float, isMap } from '../wire/value.ts'
import type { Value } from '../wire/value.ts'

/** Python's `str(value)`: text as it is, everything else as `repr`. */
export function pythonStr(value: Value): string {
  return typeof value === 'string' ? value : pythonRepr(value)
}

/** Python's `repr(value)`. */
export function pythonRepr(value: Value): string {
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'number') return Number.isInteger(value) ? value.toString() : floatRepr(value)
  if (typeof value === 'string') return quote(value)
  if (value instanceof Float) return floatRepr(value.value)
  if (value instanceof Uint8Array) return `b${quoteBytes(value)}`
  if (value instanceof DateTime) return value.text
  if (value instanceof Constant) return value.name
  if (value instanceof Extension) return `b${quoteBytes(value.data)}`
  if (Array.isArray(value)) return `[${value.map(pythonRepr).join(', ')}]`
  return `{${entries(value).map(([key, item]) => `${pythonRepr(key)}: ${pythonRepr(item)}`).join(', ')}}`
}

/** Python's `bool(value)`: None, False, zero and everything empty are false. */
export function isTruthy(value: Value): boolean {
  if (value instanceof Float) return value.value !== 0
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length > 0
  if (isMap(value)) return entries(value).length > 0
  return Boolean(value)
}

/** Shortest form that reads back, with Python's choice between plain and scientific (below 1e-4, from 1e16 on). */
function floatRepr(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (Object.is(value, -0)) return '-0.0'
  const magnitude = Math.abs(value)
  if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e16)) {
    const [digits = '0', exponent = '+0'] = value.toExponential().split('e')
    return `${digits}e${exponent.startsWith('-') ? '-' : '+'}${exponent.slice(1).padStart(2, '0')}`
  }
  const plain = value.toString()
  return plain.includes('.') ? plain : `${plain}.0`
}

function quote(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'"
  let out = ''
  for (const character of text) out += character === mark || character === '\\' ? `\\${character}` : printable(character)
  return mark + out + mark
}

function printable(character: string): string {
  if (character === '\n') return '\\n'
  if (character === '\r') return '\\r'
  if (character === '\t') return '\\t'
  const code = character.codePointAt(0) ?? 0
  if (code < 0x20 || (code >= 0x7f && code < 0xa1) || code === 0xad) return `\\x${code.toString(16).padStart(2, '0')}`
  return character
}

function quoteBytes(bytes: Uint8Array): string {
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'"
  let out = ''
  for (const character of text) {
    if (character === mark || character === '\\') out += `\\${character}`
    else if (character.charCodeAt(0) > 0x7e) out += `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
    else out += printable(character)
  }
  return mark + out + mark
}
