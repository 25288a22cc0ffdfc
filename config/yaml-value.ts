/** YAML as values of Salt's wire, which tell 1.0 from 1 and allow any key in a map. */
import { type Node, isAlias, isMap as isMapNode, isScalar, isSeq, parseDocument } from 'yaml'
import { Float, entries, isMap, mapOf, type Value } from '../agent/wire/value.ts'
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
  if (!isMapNode(node)) throw new Error('unknown kind of node')
  const own: [Value, Value][] = []
  const merged: [Value, Value][] = []
  for (const { key, value } of node.items) {
    if (isMergeKey(key)) merged.push(...mergedPairs(toValue(value as Node | null, seen)))
    else own.push([toValue(key as Node | null, seen), toValue(value as Node | null, seen)])
  }
  const names = new Set(own.map(([key]) => key))
  return mapOf([...new Map(merged.filter(([key]) => !names.has(key))), ...own])
}

/** `<<`, which takes over the members of another map, or of several. */
function isMergeKey(key: unknown): boolean {
  return isScalar(key) && key.type === 'PLAIN' && key.tag === undefined && key.value === '<<'
}

/** The members of the maps behind `<<`: of the same key in several the first one counts. */
function mergedPairs(value: Value): [Value, Value][] {
  const maps = Array.isArray(value) ? value.toReversed() : [value]
  return maps.flatMap((map) => {
    if (!isMap(map)) throw new Error('only a map, or a list of maps, can stand behind <<')
    return entries(map)
  })
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
