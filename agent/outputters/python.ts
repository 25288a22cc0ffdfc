/** How Python writes values, for outputters that print what Salt's print. */
import { Constant, DateTime, type Extension, Float, type Value, entries, isMap } from '../wire/value.ts'

/** Python's `repr` of a float: `1.0`, `1e+20`, `1e-07`, `inf`. */
export function floatRepr(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (Object.is(value, -0)) return '-0.0'
  const [mantissa = '0', exponent = '0'] = value.toExponential().split('e')
  const power = Number(exponent)
  if (power < -4 || power >= 16) {
    return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
  }
  const text = plainDigits(value, mantissa, power)
  return text.includes('.') ? text : `${text}.0`
}

/** The text of a number value: integers bare, floats as Python prints them. */
export function numberText(value: number | bigint | Float): string {
  if (value instanceof Float) return floatRepr(value.value)
  if (typeof value === 'bigint' || Number.isInteger(value)) return String(value)
  return floatRepr(value)
}

/** True for what Python calls a number. */
export function isNumber(value: Value): value is number | bigint | Float {
  return typeof value === 'number' || typeof value === 'bigint' || value instanceof Float
}

/** Python's `repr` of a value. */
export function pythonRepr(value: Value): string {
  if (value === null) return 'None'
  if (value === true) return 'True'
  if (value === false) return 'False'
  if (isNumber(value)) return numberText(value)
  if (typeof value === 'string') return stringRepr(value)
  if (value instanceof Uint8Array) return bytesRepr(value)
  if (Array.isArray(value)) return `[${value.map(pythonRepr).join(', ')}]`
  if (isMap(value)) {
    return `{${entries(value)
      .map(([key, each]) => `${pythonRepr(key)}: ${pythonRepr(each)}`)
      .join(', ')}}`
  }
  return opaqueText(value)
}

/** Python's `str` of a value: text as it is, everything else as `repr`. */
export function pythonStr(value: Value): string {
  return typeof value === 'string' ? value : pythonRepr(value)
}

/** Python's `len` of a text. */
export function codePoints(text: string): number {
  return Array.from(text).length
}

/** Python's `str.splitlines`: more line ends than `\n`, and no empty line after the last. */
export function splitLines(text: string): string[] {
  const ends = text.replaceAll('\r\n', '\n').replaceAll(/[\p{Cc}\u2028\u2029]/gu, (char) => (lineEnds.includes(char) ? '\n' : char))
  const lines = ends.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines
}

/** `splitLines` with each line's end at its end: Python's `splitlines(True)`. */
export function linesWithEnds(text: string): string[] {
  const lines: string[] = []
  let from = 0
  for (let at = 0; at < text.length; at++) {
    if (!lineEnds.includes(text.charAt(at)) || (text.charAt(at) === '\r' && text.charAt(at + 1) === '\n')) continue
    lines.push(text.slice(from, at + 1))
    from = at + 1
  }
  return from < text.length ? [...lines, text.slice(from)] : lines
}

const lineEnds = '\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029'

function opaqueText(value: DateTime | Constant | Extension): string {
  if (value instanceof DateTime) return stringRepr(value.text)
  if (value instanceof Constant) return `Constant(${stringRepr(value.name)})`
  return bytesRepr(value.data)
}

function plainDigits(value: number, mantissa: string, power: number): string {
  if (power >= 0) return BigInt(Math.trunc(value)) === 0n || Number.isInteger(value) ? BigInt(value).toString() : String(value)
  const digits = mantissa.replace('-', '').replace('.', '')
  return `${value < 0 ? '-' : ''}0.${'0'.repeat(-power - 1)}${digits}`
}

const escapes: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function stringRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const body = text.replaceAll(/[\\\p{Cc}\xa0\xad\u2028\u2029\ud800-\udfff\ufeff]/gu, (char) => escapes[char] ?? unprintable(char))
  return quote + (quote === "'" ? body.replaceAll("'", "\\'") : body) + quote
}

function unprintable(char: string): string {
  const code = char.charCodeAt(0)
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
}

function bytesRepr(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byteText(byte)
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  return `b${quote}${quote === "'" ? text.replaceAll("'", "\\'") : text}${quote}`
}

function byteText(byte: number): string {
  const char = String.fromCharCode(byte)
  if (escapes[char] !== undefined) return escapes[char]
  return byte >= 0x20 && byte < 0x7f ? char : `\\x${byte.toString(16).padStart(2, '0')}`
}
