import { type Value, entries, isMap } from '../wire/value.ts'
import { floatRepr, isNumber, numberText, pythonRepr, pythonStr } from './python.ts'

/**
 * JSON as Salt prints it: `step` columns per level (negative: one line), keys in their order, floats with a point (`1.0`), integers of
 * any size in full, what JSON cannot say as Python's text of it.
 */
export function json(value: Value, step = 4, indent = 0): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (isNumber(value)) return jsonNumber(value)
  if (typeof value === 'string') return JSON.stringify(value)
  const inner = (item: Value) => json(item, step, indent + step)
  if (Array.isArray(value)) return block('[]', value.map(inner), step, indent)
  if (isMap(value)) {
    const members = entries(value).map(([key, item]) => `${JSON.stringify(keyText(key))}: ${inner(item)}`)
    return block('{}', members, step, indent)
  }
  return JSON.stringify(pythonRepr(value))
}

function block([open = '', close = '']: string, items: string[], step: number, indent: number): string {
  if (items.length === 0) return open + close
  if (step < 0) return `${open}${items.join(', ')}${close}`
  const inner = ' '.repeat(indent + step)
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
