/** The YAML of configuration files, its bare words as Salt reads them, with the place of every value and of every fault. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type ScalarTag,
  type Tags,
  YAMLError,
} from 'yaml'
import { PLAIN_RULES } from './yaml-scalars.ts'

/** A place in a text, both from 1. */
export interface Place {
  line: number
  column: number
}

/** A text that could be read. */
export interface YamlText {
  value: unknown
  /** Where the value under this path, or its key, stands; the nearest enclosing one when it does not exist. */
  locate: (path: readonly string[], part: 'key' | 'value') => Place
}

export interface YamlFault extends Place {
  what: string
}

/** One broken line can make the parser complain about everything after it. */
const MAX_FAULTS = 10

/** Aliases may repeat at most this many nodes: more is an alias bomb. */
const MAX_ALIAS_COUNT = 100

export type ParsedYaml = { ok: true; yaml: YamlText } | { ok: false; faults: YamlFault[] }

/**
 * Reads one YAML document. An empty text is null.
 *
 * @returns the value, or every fault with its place. Fault texts never quote the input, which may hold secrets.
 */
export function parseYaml(text: string): ParsedYaml {
  const lines = new LineCounter()
  try {
    const document = parseDocument(text, {
      version: '1.1',
      merge: true,
      strict: true,
      uniqueKeys: true,
      prettyErrors: false,
      lineCounter: lines,
      customTags: saltTags,
    })
    const found = [...document.errors, ...document.warnings].slice(0, MAX_FAULTS)
    const faults = found.map((error) => ({ ...placeAt(lines, error.pos[0]), what: describeFault(error) }))
    if (faults.length > 0) return { ok: false, faults }
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIAS_COUNT })
    return { ok: true, yaml: { value, locate: (path, part) => placeAt(lines, offsetOf(document, path, part)) } }
  } catch (error) {
    return { ok: false, faults: [{ line: 1, column: 1, what: describeFault(error) }] }
  }
}

/** The value of a short text, such as an argument on the command line or an environment variable; the text itself when it is not YAML. */
export function parseYamlValue(text: string): unknown {
  const parsed = parseYaml(text)
  return parsed.ok ? parsed.yaml.value : text
}

const PLAIN_SCALARS: ScalarTag[] = PLAIN_RULES.map(({ kind, test, read }) => ({
  tag: `tag:yaml.org,2002:${kind}`,
  default: true,
  test,
  resolve: read,
  identify: () => false,
}))

const REPLACED = /:(?:null|bool|int|float|timestamp)$/

function saltTags(tags: Tags): Tags {
  const kept = tags.filter((tag) => typeof tag === 'string' || typeof tag.tag !== 'string' || !REPLACED.test(tag.tag))
  return [...kept, ...PLAIN_SCALARS]
}

/** What is wrong, by the library's code: its own messages may quote the text. */
const FAULTS: Record<string, string> = {
  ALIAS_PROPS: 'an alias can have no tag or anchor',
  BAD_ALIAS: 'this alias has no anchor or a bad name',
  BAD_COLLECTION_TYPE: 'the tag does not fit the collection',
  BAD_DIRECTIVE: 'bad % directive',
  BAD_DQ_ESCAPE: 'bad escape in a double-quoted text',
  BAD_INDENT: 'bad indentation, or a bracket that is not closed',
  BAD_PROP_ORDER: 'an anchor or tag stands at the wrong place',
  BAD_SCALAR_START: 'a text cannot start with this character; put it in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'nested maps cannot stand on one line; perhaps a text with a colon needs quotes',
  BLOCK_IN_FLOW: 'a block collection cannot stand inside [] or {}',
  DUPLICATE_KEY: 'this key occurs twice in the same map',
  IMPOSSIBLE: 'this cannot be read as YAML',
  KEY_OVER_1024_CHARS: 'a key is longer than 1024 characters',
  MISSING_CHAR: 'a character is missing, such as a closing quote or bracket, a comma or a space after a colon',
  MULTILINE_IMPLICIT_KEY: 'a key must stand on one line',
  MULTIPLE_ANCHORS: 'a value can have one anchor',
  MULTIPLE_DOCS: 'only one document is allowed',
  MULTIPLE_TAGS: 'a value can have one tag',
  NON_STRING_KEY: 'a key must be a text',
  RESOURCE_EXHAUSTION: 'nested too deeply, or too many aliases',
  TAB_AS_INDENT: 'tabs cannot indent; use spaces',
  TAG_RESOLVE_FAILED: 'unknown tag, or a value that does not fit it',
  UNEXPECTED_TOKEN: 'this does not belong here',
}

function describeFault(error: unknown): string {
  if (!(error instanceof YAMLError)) return error instanceof ReferenceError ? 'too many aliases, or an alias without anchor' : 'nested too deeply'
  return FAULTS[error.code] ?? 'this cannot be read as YAML'
}

function placeAt(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(1, line), column: Math.max(1, col) }
}

/** Offset of the value under a path; of its key when the value is empty or missing. */
function offsetOf(document: Document, path: readonly string[], part: 'key' | 'value'): number {
  let node: unknown = document.contents
  let offset = startOf(node) ?? 0
  for (const [index, step] of path.entries()) {
    const found = stepInto(resolveAlias(document, node), step)
    if (found === undefined) break
    const wantKey = part === 'key' && index === path.length - 1
    offset = (wantKey ? undefined : startOf(found.value)) ?? startOf(found.key) ?? offset
    node = found.value
  }
  return offset
}

function stepInto(node: unknown, step: string): { key: unknown; value: unknown } | undefined {
  if (isMap(node)) return node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === step)
  if (isSeq(node) && /^\d+$/.test(step)) return { key: undefined, value: node.items[Number(step)] }
  return undefined
}

function resolveAlias(document: Document, node: unknown): unknown {
  return isAlias(node) ? node.resolve(document) : node
}

function startOf(node: unknown): number | undefined {
  const range = (node as Node | null | undefined)?.range
  return range === null || range === undefined || (isScalar(node) && node.source === '') ? undefined : range[0]
}

