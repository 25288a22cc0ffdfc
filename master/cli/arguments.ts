/** Arguments of a function as they are typed on the command line: Salt's rules (utils/args.py), observed case by case. */
import { type Node, isAlias, isMap as isYamlMap, isScalar, isSeq, parseDocument } from 'yaml'
import type { Value, ValueObject } from '../../agent/wire/value.ts'
import { isJid } from '../jid.ts'
import { resolvePlain } from '../yaml-scalars.ts'

const keywordArgument = /^([\p{L}_][\p{L}\p{N}_.-]*)=(?!=)(.*)$/u

/**
 * The `arg` list of a publication: positional values, then one map with `__kwarg__: true` when there are `name=value`
 * arguments. Values are typed as YAML; an integer that looks like a job id stays text.
 */
export function parseArguments(words: string[]): Value[] {
  const positional: Value[] = []
  const keywords: ValueObject = Object.create(null) as ValueObject
  for (const word of words) {
    const [, name, value] = keywordArgument.exec(word) ?? []
    if (name !== undefined && value !== undefined) keywords[name] = yamlify(value)
    else positional.push(keepJid(yamlify(word)))
  }
  return Object.keys(keywords).length > 0 ? [...positional, { __kwarg__: true, ...keywords }] : positional
}

/**
 * One word as a YAML value. What is no YAML, loses characters as YAML, or would become a map or list without brackets,
 * stays the text it is. Never throws.
 */
export function yamlify(word: string): Value {
  if (['', '---', '...'].includes(word.trim()) || /[\t\r\n]/.test(word)) return word
  if (word.includes('_') && /^[0-9_]+$/.test(word.trim())) return word
  if (word === 'None') return null
  if (['|', '!'].includes(word) || word.trim().startsWith('#')) return word
  let value: Value
  try {
    value = load(word)
  } catch {
    return word
  }
  if (word.includes('#') && (typeof value === 'string' || value === null)) return word
  if (Array.isArray(value)) return word.startsWith('[') ? value : word
  if (typeof value === 'object' && value !== null && isPlainMap(value)) return word.startsWith('{') ? value : word
  return value
}

/** Parses YAML as Salt's loader does; unlike `yamlify` it says when it cannot. @throws Error with the reason. */
export function load(source: string): Value {
  const document = parseDocument(source, { version: '1.1', schema: 'failsafe', uniqueKeys: true, logLevel: 'silent' })
  const problem = document.errors[0]
  if (problem) throw problem
  return toValue(document.contents, { nodes: 0, anchors: new Map() })
}

const maxNodes = 100_000

/** What was read so far: values, aliases unfolded, and the nodes that aliases may name. */
interface Reading {
  nodes: number
  anchors: Map<string, Node>
}

function toValue(node: Node | null, seen: Reading): Value {
  seen.nodes += 1
  if (seen.nodes > maxNodes) throw new Error('too many values')
  if (node === null) return null
  if (isAlias(node)) {
    const target = seen.anchors.get(node.source)
    if (target === undefined) throw new Error(`unknown alias ${node.source}`)
    return toValue(target, seen)
  }
  if ('anchor' in node && typeof node.anchor === 'string') seen.anchors.set(node.anchor, node)
  const tag = node.tag?.replace('tag:yaml.org,2002:', '')
  if (isScalar(node)) return scalar(typeof node.value === 'string' ? node.value : '', node.type === 'PLAIN', tag)
  if (tag !== undefined && !['map', 'seq'].includes(tag)) throw new Error(`unknown tag ${tag}`)
  if (isSeq(node)) return node.items.map((item) => toValue(item as Node | null, seen))
  if (!isYamlMap(node)) throw new Error('unknown YAML node')
  const pairs = node.items.map(({ key, value }): [Value, Value] => [
    toValue(key as Node | null, seen),
    toValue(value as Node | null, seen),
  ])
  return makeMap(pairs)
}

function scalar(text: string, bare: boolean, tag: string | undefined): Value {
  switch (tag) {
    case undefined:
    case '!':
      return bare ? resolvePlain(text) : text
    case 'str':
      return text
    case 'int':
    case 'float':
    case 'bool':
    case 'null':
      return resolvePlain(text)
    default:
      throw new Error(`unknown tag ${tag}`)
  }
}

/** An object when every key is text that keeps its place in one, else a `Map`. */
function makeMap(pairs: [Value, Value][]): Value {
  const textual = pairs.every(([key]) => typeof key === 'string' && !/^\d+$/.test(key))
  if (!textual) return new Map(pairs)
  const map = Object.create(null) as ValueObject
  for (const [key, value] of pairs) if (typeof key === 'string') map[key] = value
  return map
}

function isPlainMap(value: object): boolean {
  return value instanceof Map || Object.getPrototypeOf(value) === null
}

function keepJid(value: Value): Value {
  const text = typeof value === 'number' || typeof value === 'bigint' ? String(value) : ''
  return isJid(text) ? text : value
}
