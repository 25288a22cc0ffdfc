/**
 * The value of a text that was typed as an argument, by Salt's rules for `name=value` (utils/args.py, yamlify_arg):
 * YAML 1.1, but a text stays a text wherever YAML would lose part of it.
 */
import { isMap as isYamlMap, isScalar, isSeq, parseDocument } from 'yaml'
import type { Document } from 'yaml'
import { Float, isMap } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'

/** Longest text that is read as YAML; a longer one stays as it is. */
const maxLength = 1024 * 1024

/**
 * Reads one argument. Never throws: what is no YAML, or YAML of a kind that arguments do not have (dates, tags), is
 * returned unchanged.
 */
export function yamlArgument(text: string): Value {
  if (text.trim() === '' || text.length > maxLength) return text
  if (text.includes('_') && /^[0-9_]+$/.test(text.trim())) return text
  if (/[\t\r\n]/.test(text)) return text
  if (text === 'None') return null
  const value = parse(text)
  if (value === undefined) return text
  if (text.includes('#') && (typeof value === 'string' || value === null)) return text
  if (Array.isArray(value) && !text.startsWith('[')) return text
  if (isMap(value) && !text.startsWith('{')) return text
  if ((value === '' || value === null) && (text === '|' || text === '!')) return text
  return value
}

function parse(text: string): Value | undefined {
  try {
    const document = parseDocument(text, { version: '1.1', schema: 'yaml-1.1', intAsBigInt: true, logLevel: 'silent' })
    if (document.errors.length > 0 || document.warnings.length > 0) return undefined
    return convert(document.contents, document, 0)
  } catch {
    return undefined
  }
}

/** A YAML node as a value; undefined when it holds something that arguments do not have. */
function convert(node: unknown, document: Document.Parsed, depth: number): Value | undefined {
  if (depth > 100) return undefined
  if (node === null) return null
  if (isScalar(node)) return scalar(node.value, node.source, node.type)
  if (isSeq(node)) {
    const items: Value[] = []
    for (const item of node.items) {
      const value = convert(item, document, depth + 1)
      if (value === undefined) return undefined
      items.push(value)
    }
    return items
  }
  if (!isYamlMap(node)) return undefined
  const pairs: [Value, Value][] = []
  for (const pair of node.items) {
    const key = convert(pair.key, document, depth + 1)
    const value = convert(pair.value, document, depth + 1)
    if (key === undefined || value === undefined) return undefined
    pairs.push([key, value])
  }
  return mapOf(pairs)
}

function scalar(value: unknown, source: string | undefined, type: string | undefined): Value | undefined {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value
  if (typeof value !== 'number') return undefined
  // YAML 1.1 as Python reads it has no float without a dot: 123e4 is a text (and may be a commit's hash).
  if (source !== undefined && type === 'PLAIN' && /^[-+]?[0-9][0-9_]*[eE]/.test(source)) return source
  return Number.isInteger(value) ? new Float(value) : value
}

/** An object when all keys are text that an object keeps in order, else a Map. */
function mapOf(pairs: [Value, Value][]): ValueObject | Map<Value, Value> {
  if (pairs.some(([key]) => typeof key !== 'string' || /^[0-9]+$/.test(key))) return new Map(pairs)
  const object = Object.create(null) as ValueObject
  for (const [key, value] of pairs) object[key as string] = value
  return object
}
