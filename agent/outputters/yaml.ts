import { type Value, entries, isMap } from '../wire/value.ts'
import { readsAsOther } from '../../config/yaml-scalars.ts'
import { sortKeys } from './nested.ts'
import { isNumber, numberText, pythonRepr } from './python.ts'

/**
 * YAML as Salt prints it: block style, keys sorted, list items not indented, texts quoted where YAML 1.1 would read
 * something else, several lines folded in quotes. Only long lines are not folded as Salt's are, so that they can be copied.
 * `step`: columns per level, 2 when it is not 2 to 9 as in PyYAML; negative for all in one line.
 */
export function yaml(value: Value, step = 2): string {
  if (step < 0) return flow(value)
  const perLevel = step > 1 && step < 10 ? step : 2
  return isInline(value) ? inline(value, 0) : block(value, 0, perLevel).join('\n')
}

function flow(value: Value): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`
  if (isMap(value)) return `{${sortKeys(entries(value)).map(([key, item]) => `${flow(key)}: ${flow(item)}`).join(', ')}}`
  if (typeof value !== 'string') return inline(value, 0)
  if (value.includes('\n')) return doubleQuoted(value)
  // Inside brackets more characters mean something.
  return isPlain(value) && /[,?[\]{}:]/.test(value) ? quoted(value, 0) : text(value, 0)
}

/** Salt writes a key of this many characters behind `?`. */
const longKey = 128

function isInline(value: Value): boolean {
  if (Array.isArray(value)) return value.length === 0
  return !isMap(value) || entries(value).length === 0
}

/** Lines of a collection that is not empty, each already indented. */
function block(value: Value, indent: number, step: number): string[] {
  const pad = ' '.repeat(indent)
  if (Array.isArray(value)) return value.flatMap((item) => marked('-', item, indent, step))
  const lines: string[] = []
  for (const [key, item] of isMap(value) ? sortKeys(entries(value)) : []) {
    const written = inline(key, indent)
    const name = `${pad}${written}:`
    // Readers look for the colon on the key's own line, and not far: without the mark such a file could not be read again.
    if (written.length >= longKey || written.includes('\n')) lines.push(`${pad}? ${written}`, ...marked(':', item, indent, step))
    else if (isInline(item)) lines.push(`${name} ${inline(item, indent)}`)
    // A list under a key starts in the key's own column.
    else lines.push(name, ...block(item, Array.isArray(item) ? indent : indent + step, step))
  }
  return lines
}

/** A value behind `-`, or behind the `:` of a key that stands behind `?`. */
function marked(mark: '-' | ':', item: Value, indent: number, step: number): string[] {
  const pad = ' '.repeat(indent)
  if (isInline(item)) return [`${pad}${mark} ${inline(item, indent)}`]
  const [first = '', ...rest] = block(item, indent + step, step)
  return [`${pad}${mark}${' '.repeat(step - 1)}${first.slice(indent + step)}`, ...rest]
}

function inline(value: Value, indent: number): string {
  if (value === null) return 'null'
  if (typeof value === 'boolean') return String(value)
  if (isNumber(value)) return yamlNumber(numberText(value))
  if (typeof value === 'string') return text(value, indent)
  if (Array.isArray(value)) return '[]'
  if (isMap(value)) return '{}'
  if (value instanceof Uint8Array) return `!!binary ${Buffer.from(value).toString('base64')}`
  return text(pythonRepr(value), indent)
}

/** YAML 1.1 wants a point in a float's mantissa, and before `inf` and `nan`. */
function yamlNumber(digits: string): string {
  if (/^-?(?:inf|nan)$/.test(digits)) return digits.replace(/inf|nan/, '.$&')
  return /^-?\d+e/.test(digits) ? digits.replace('e', '.0e') : digits
}

function text(value: string, indent: number): string {
  if (isPlain(value)) return value
  const unquotable = /[^\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]|[\u2028\u2029\ufeff]|[ \t]\n|\n[ \t]/u
  return unquotable.test(value) ? doubleQuoted(value) : quoted(value, indent)
}

function doubleQuoted(value: string): string {
  return JSON.stringify(value).replaceAll('\\u001b', '\\e')
}

function quoted(value: string, indent: number): string {
  // In quotes one line end reads as a space, so each run of them is written with one more.
  const folded = value.replaceAll(/\n+/g, (run) => `\n${run}${' '.repeat(indent + 2)}`)
  return `'${folded.replaceAll("'", "''")}'`
}

function isPlain(value: string): boolean {
  if (readsAsOther(value) || value.startsWith('---') || value.startsWith('...')) return false
  if (/^[-?:](?:\s|$)|^[,[\]{}#&*!|>'"%@`]|^\s|\s$/.test(value)) return false
  if (/:(?:\s|$)|\s#/.test(value)) return false
  return /^[\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u.test(value) && !value.includes('\ufeff')
}
