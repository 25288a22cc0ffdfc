/** Python's `pprint.pformat`: 80 columns, keys sorted, long texts in pieces. */
import { type Value, entries, isMap, mapOf } from '../wire/value.ts'
import { sortKeys } from './nested.ts'
import { codePoints as lengthOf, linesWithEnds, pythonRepr } from './python.ts'

const width = 80

/** How far in a value starts, and how many columns must stay free behind it for what closes around it. */
interface Place {
  indent: number
  allowance: number
  /** 1 for the whole value: only there a text in pieces gets parentheses. */
  level: number
}

/** Python's pretty print of a value. `step`: columns per level. */
export function pprint(value: Value, step = 1): string {
  const perLevel = Math.max(1, step)
  return format(value, { indent: 0, allowance: 0, level: 1 })

  function format(item: Value, place: Place): string {
    const flat = repr(item)
    if (lengthOf(flat) <= width - place.indent - place.allowance) return flat
    if (typeof item === 'string') return textInPieces(item, place)
    if (item instanceof Uint8Array) return bytesInPieces(item, place)
    const inner = { indent: place.indent + perLevel, allowance: place.allowance + 1, level: place.level + 1 }
    const padding = ' '.repeat(perLevel - 1)
    const separator = `,\n${' '.repeat(inner.indent)}`
    const at = (isLast: boolean, further: number) => ({ ...inner, indent: inner.indent + further, allowance: isLast ? inner.allowance : 1 })
    if (Array.isArray(item)) return `[${padding}${item.map((each, index) => format(each, at(index === item.length - 1, 0))).join(separator)}]`
    if (!isMap(item)) return flat
    const members = sortKeys(entries(item))
    const lines = members.map(([key, each], index) => {
      const name = repr(key)
      return `${name}: ${format(each, at(index === members.length - 1, lengthOf(name) + 2))}`
    })
    return `{${padding}${lines.join(separator)}}`
  }
}

/** `repr` with every map's keys sorted. */
function repr(value: Value): string {
  return pythonRepr(sorted(value))
}

function sorted(value: Value): Value {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isMap(value)) return value
  const members = sortKeys(entries(value)).map(([key, item]): [Value, Value] => [key, sorted(item)])
  return mapOf(members)
}

/** A text in pieces that end at spaces or line ends, one a line. */
function textInPieces(text: string, place: Place): string {
  const isWhole = place.level === 1
  const indent = place.indent + (isWhole ? 1 : 0)
  const allowance = place.allowance + (isWhole ? 1 : 0)
  const lines = linesWithEnds(text)
  const pieces = lines.flatMap((line, index) => {
    const room = width - indent
    const last = index === lines.length - 1 ? allowance : 0
    return lengthOf(pythonRepr(line)) <= room - last ? [pythonRepr(line)] : words(line, room, last)
  })
  // One piece means that it cannot be broken: it is written as it is.
  if (pieces.length === 1) return pieces[0] ?? ''
  const joined = pieces.join(`\n${' '.repeat(indent)}`)
  return isWhole ? `(${joined})` : joined
}

/** A line in pieces of at most `room` columns, the last with `last` fewer. */
function words(line: string, room: number, last: number): string[] {
  const parts = line.match(/\S*\s*/g)?.filter((part) => part !== '') ?? []
  const pieces: string[] = []
  let current = ''
  for (const [index, part] of parts.entries()) {
    const limit = room - (index === parts.length - 1 ? last : 0)
    if (lengthOf(pythonRepr(current + part)) <= limit) {
      current += part
      continue
    }
    if (current !== '') pieces.push(pythonRepr(current))
    current = part
  }
  return current === '' ? pieces : [...pieces, pythonRepr(current)]
}

function bytesInPieces(bytes: Uint8Array, place: Place): string {
  if (bytes.length <= 4) return pythonRepr(bytes)
  const isWhole = place.level === 1
  const indent = place.indent + (isWhole ? 1 : 0)
  const pieces: string[] = []
  const lastStart = Math.floor(bytes.length / 4) * 4
  let room = width - indent
  let from = 0
  for (let at = 0; at < bytes.length; at += 4) {
    if (at === lastStart) room -= place.allowance + (isWhole ? 1 : 0)
    if (pythonRepr(bytes.subarray(from, at + 4)).length <= room) continue
    if (at > from) pieces.push(pythonRepr(bytes.subarray(from, at)))
    from = at
  }
  pieces.push(pythonRepr(bytes.subarray(from)))
  const joined = pieces.join(`\n${' '.repeat(indent)}`)
  return isWhole ? `(${joined})` : joined
}
