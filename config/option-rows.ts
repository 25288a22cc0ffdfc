/** Reads a schema of options: what the sample, the JSON Schema for editors and the pages say of each one. */
import { z } from 'zod'
import type { OptionSchema } from './validate.ts'

/** One option as people read of it. */
export interface OptionRow {
  /** `outbox.max_bytes` as its keys. */
  path: readonly string[]
  /** In words: `duration (s)`, `list of texts`, `one of str, disable` … */
  type: string
  /** As it would be written in a file; undefined when it has none. */
  default: unknown
  /** A value to write where there is no default. */
  example: unknown
  description: string
  /** What Salt has instead, or `not in Salt`; empty when it is the same. */
  salt: string
  /** True for a map with options of its own, which follow it. */
  isGroup: boolean
}

/** A schema's JSON form: only what is read here. */
export type JsonSchema = Readonly<Record<string, unknown>>

/**
 * JSON Schema of what may be written in a file, for editors: durations and sizes as numbers or texts, a description and the default of
 * every option. Top-level keys that are no options of ours are legal, as they are in Salt.
 *
 * @param title of the whole
 */
export function jsonSchemaOf(schema: OptionSchema, title: string): JsonSchema {
  const { $schema, ...rest } = forEditors(readSchema(schema))
  return { $schema, title, ...rest, additionalProperties: true }
}

/** Every option in the order of the schema, maps before their members. */
export function optionRows(schema: OptionSchema): OptionRow[] {
  return rowsUnder(readSchema(schema), [])
}

const DURATION = String.raw`^\s*(\d[\d_]*(\.\d+)?|([\d_]+(\.\d+)?\s*(ms|[smhdw])\s*)+)\s*$`
const SIZE = String.raw`^\s*\d[\d_]*(\.\d+)?\s*([KMGT]i?B|B)?\s*$`

/** With `kind`, `unit` and `example` as option-types.ts and the schemas set them. Of the drafts the one that editors know best. */
function readSchema(schema: OptionSchema): JsonSchema {
  const override = ({ jsonSchema }: { jsonSchema: Record<string, unknown> }) => refine(jsonSchema)
  return z.toJSONSchema(schema, { target: 'draft-7', io: 'input', unrepresentable: 'any', override }) as JsonSchema
}

/** Without the words of ours. */
function forEditors({ kind: _kind, unit: _unit, example, format: _format, properties, ...rest }: JsonSchema): JsonSchema {
  const inner = Object.entries(rest).map(([key, value]): [string, unknown] => [key, isSchemaKey(key) ? deep(value) : value])
  return {
    ...Object.fromEntries(inner),
    // A default beside an example was made on this host.
    ...(example !== undefined && { examples: [example], default: undefined }),
    ...(properties !== undefined && { properties: Object.fromEntries(Object.entries(mapOf(properties)).map(([name, one]) => [name, deep(one)])) }),
  }
}

function isSchemaKey(key: string): boolean {
  return ['items', 'additionalProperties', 'propertyNames', 'anyOf'].includes(key)
}

function deep(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(deep)
  return typeof value === 'object' && value !== null ? forEditors(value as JsonSchema) : value
}

/** Puts what the kinds of option-types.ts mean in place of what their unions look like. */
function refine(schema: Record<string, unknown>): void {
  const { kind } = schema
  if (kind === 'duration' || kind === 'size') {
    delete schema['anyOf']
    Object.assign(schema, { type: ['number', 'string'], minimum: 0, pattern: kind === 'duration' ? DURATION : SIZE })
  } else if (kind === 'text') {
    delete schema['anyOf']
    schema['type'] = ['string', 'number']
  } else if (kind === 'list') {
    schema['anyOf'] = [{ type: 'array', items: { type: ['string', 'number'] } }, { type: ['string', 'number', 'null'] }]
  }
}

function rowsUnder(map: JsonSchema, above: readonly string[]): OptionRow[] {
  return Object.entries(mapOf(map['properties'])).flatMap(([name, one]) => {
    const property = mapOf(one)
    const path = [...above, name]
    const isGroup = 'properties' in property
    const row = { path, type: typeInWords(property), ...defaultOf(property, isGroup), ...describe(property), isGroup }
    return [row, ...(isGroup ? rowsUnder(property, path) : [])]
  })
}

function defaultOf(property: JsonSchema, isGroup: boolean): Pick<OptionRow, 'default' | 'example'> {
  const { example } = property
  return { default: isGroup || example !== undefined ? undefined : property['default'], example }
}

/** `What it is (Salt: False)` in its two parts. */
function describe(property: JsonSchema): Pick<OptionRow, 'description' | 'salt'> {
  const text = typeof property['description'] === 'string' ? property['description'] : ''
  const parts = /^(?<description>.*) \((?:Salt: (?<salt>.*)|(?<none>not in Salt))\)$/s.exec(text)?.groups
  return { description: parts?.['description'] ?? text, salt: parts?.['salt'] ?? parts?.['none'] ?? '' }
}

function typeInWords(property: JsonSchema): string {
  const { kind } = property
  if (kind === 'duration') return `duration (${String(property['unit'])})`
  if (kind === 'list') return 'list of texts'
  if (kind === 'size' || kind === 'text' || kind === 'path') return kind
  const choices = property['enum'] ?? ('const' in property ? [property['const']] : undefined)
  if (Array.isArray(choices)) return choices.length === 1 ? `only ${asText(choices[0])}` : `one of ${choices.map(asText).join(', ')}`
  switch (property['type']) {
    case 'string':
      return 'text'
    case 'integer':
      return `whole number${rangeOf(property)}`
    case 'number':
      return `number${rangeOf(property)}`
    case 'boolean':
      return 'True or False'
    case 'array':
      return `list of ${plural(typeInWords(mapOf(property['items'])))}`
    case 'object':
      return 'map'
    case 'null':
      return 'nothing'
    default:
      return Array.isArray(property['anyOf']) ? [...new Set(property['anyOf'].map((one) => typeInWords(mapOf(one))))].join(' or ') : 'any'
  }
}

function rangeOf({ minimum, maximum }: JsonSchema): string {
  const most = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum
  const least = minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum
  if (typeof least === 'number' && typeof most === 'number') return ` from ${least} to ${most}`
  if (typeof least === 'number') return ` from ${least}`
  return typeof most === 'number' ? ` to ${most}` : ''
}

function plural(type: string): string {
  return /^(text|path|map|size)$/.test(type) ? `${type}s` : type
}

function asText(value: unknown): string {
  return value === null ? 'nothing' : value === true ? 'True' : value === false ? 'False' : typeof value === 'string' ? value : JSON.stringify(value)
}

function mapOf(value: unknown): JsonSchema {
  return typeof value === 'object' && value !== null ? (value as JsonSchema) : {}
}
