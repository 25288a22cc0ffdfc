import { type Value, entries, isMap } from '../wire/value.ts'
import { floatRepr, isNumber, numberText, pythonRepr, pythonStr } from './python.ts'

/**
 * JSON as Salt prints it: four columns per level, keys in their order, floats with a point (`1.0`), integers of any
 * size in full, what JSON cannot say as Python's text of it.
 */
export function json(value: Value, indent = 0): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (isNumber(value)) return jsonNumber(value)
  if (typeof value === 'string') return JSON.stringify(value)
  if (Array.isArray(value)) {
    return block('[', ']', indent, value.map((item) => json(item, indent + 4)))
  }
  if (isMap(value)) {
    return block('{', '}', indent, entries(value).map(([key, item]) => `${JSON.stringify(keyText(key))}: ${json(item, indent + 4)}`))
  }
  return JSON.stringify(pythonRepr(value))
}

function block(open: string, close: string, indent: number, items: string[]): string {
  if (items.length === 0) return open + close
  const inner = ' '.repeat(indent + 4)
  return `${open}\n${inner}${items.join(`,\n${inner}`)}\n${' '.repeat(indent)}${close}`
}

function jsonNumber(value: Parameters<typeof numberText>[0]): string {
  const text = numberText(value)
  if (text === floatRepr(Number.NaN)) return 'NaN'
  return text.replace('inf', 'Infinity')
}

function keyText(key: Value): string {
  if (key === null || typeof key === 'boolean') return String(key)
  return pythonStr(key)
}
