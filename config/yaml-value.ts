/** YAML as values of Salt's wire, which tell 1.0 from 1 and allow any key in a map. */
import { type Node, isAlias, isMap, isScalar, isSeq, parseDocument } from 'yaml'
import { Float, type Value, type ValueObject } from '../agent/wire/value.ts'
import { readPlain } from './yaml-scalars.ts'

/** Aliases may unfold to at most this many values. */
const MAX_NODES = 100_000

/** What was read so far: values, aliases unfolded, and the nodes that aliases may name. */
interface Reading {
  nodes: number
  anchors: Map<string, Node>
}

/**
 * Reads one YAML document as Salt's loader does. An empty text is null.
 *
 * @throws Error when it is no YAML, or holds tags of other kinds than text, numbers, truth values, null, maps and lists.
 */
export function readYaml(source: string): Value {
  const document = parseDocument(source, { version: '1.1', schema: 'failsafe', uniqueKeys: true, logLevel: 'silent' })
  const problem = document.errors[0]
  if (problem !== undefined) throw problem
  return toValue(document.contents, { nodes: 0, anchors: new Map() })
}

function toValue(node: Node | null, seen: Reading): Value {
  seen.nodes += 1
  if (seen.nodes > MAX_NODES) throw new Error('too many values')
  if (node === null) return null
  if (isAlias(node)) {
    const target = seen.anchors.get(node.source)
    if (target === undefined) throw new Error('unknown alias')
    return toValue(target, seen)
  }
  if ('anchor' in node && typeof node.anchor === 'string') seen.anchors.set(node.anchor, node)
  const tag = node.tag?.replace('tag:yaml.org,2002:', '')
  if (isScalar(node)) return scalar(typeof node.value === 'string' ? node.value : '', node.type === 'PLAIN', tag)
  if (tag !== undefined && !['map', 'seq'].includes(tag)) throw new Error('unknown tag')
  if (isSeq(node)) return node.items.map((item) => toValue(item as Node | null, seen))
  if (!isMap(node)) throw new Error('unknown kind of node')
  const pairs = node.items.map(({ key, value }): [Value, Value] => [toValue(key as Node | null, seen), toValue(value as Node | null, seen)])
  return mapOf(pairs)
}

function scalar(text: string, bare: boolean, tag: string | undefined): Value {
  switch (tag) {
    case undefined:
    case '!':
      return bare ? plainValue(text) : text
    case 'str':
      return text
    case 'int':
    case 'float':
    case 'bool':
    case 'null':
      return plainValue(text)
    default:
      throw new Error('unknown tag')
  }
}

function plainValue(text: string): Value {
  const { kind, value } = readPlain(text)
  return kind === 'float' && Number.isInteger(value) ? new Float(Number(value)) : value
}

/** An object when every key is text that keeps its place in one, else a `Map`. */
function mapOf(pairs: [Value, Value][]): Value {
  const map = Object.create(null) as ValueObject
  for (const [key, value] of pairs) {
    if (typeof key !== 'string' || /^\d+$/.test(key)) return new Map(pairs)
    map[key] = value
  }
  return map
}
