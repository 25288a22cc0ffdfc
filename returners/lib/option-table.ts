import { z } from 'zod'

/** One option of a returner, read off its schema: what README, sample, secrets and suggestions derive from. */
export interface OptionRow {
  name: string
  /** In words: `text`, `number`, `one of a, b`, … */
  type: string
  required: boolean
  default?: unknown
  description: string
  /** `self`: the option is a secret; `values`: each value of this map may be one. */
  secret?: 'self' | 'values'
}

type JsonSchema = Record<string, unknown>

/**
 * The options of a returner's schema in their order.
 *
 * @throws TypeError when the schema is not an object.
 */
export function optionTable(schema: z.ZodType): OptionRow[] {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema
  if (json['type'] !== 'object') throw new TypeError('options must be a zod object: z.strictObject({…})')
  const properties = (json['properties'] ?? {}) as Record<string, JsonSchema>
  const required = new Set((json['required'] ?? []) as string[])
  return Object.entries(properties).map(([name, property]) => optionRow(name, property, required.has(name)))
}

function optionRow(name: string, property: JsonSchema, required: boolean): OptionRow {
  const description = property['description']
  const row: OptionRow = { name, type: typeInWords(property), required, description: typeof description === 'string' ? description : '' }
  if ('default' in property) row.default = property['default']
  if (isSecret(property)) row.secret = 'self'
  else if (isSecret(property['additionalProperties'])) row.secret = 'values'
  return row
}

function isSecret(property: unknown): boolean {
  return typeof property === 'object' && property !== null && (property as JsonSchema)['secret'] === true
}

function typeInWords(property: JsonSchema): string {
  if (isSecret(property)) return 'secret'
  const choices = property['enum']
  if (Array.isArray(choices)) return `one of ${choices.join(', ')}`
  switch (property['type']) {
    case 'string':
      return 'text'
    case 'integer':
    case 'number':
      return 'number'
    case 'boolean':
      return 'true or false'
    case 'array':
      return `list of ${typeInWords((property['items'] ?? {}) as JsonSchema)}`
    case 'object':
      return isSecret(property['additionalProperties']) ? 'map to secrets' : 'map'
    default:
      return Array.isArray(property['anyOf']) ? property['anyOf'].map((one) => typeInWords(one as JsonSchema)).join(' or ') : 'any'
  }
}

/** The option table of a returner's README, as Markdown. */
export function optionMarkdown(rows: readonly OptionRow[]): string {
  const lines = rows.map((row) => {
    const standard = row.required ? 'required' : 'default' in row ? `\`${JSON.stringify(row.default)}\`` : 'none'
    return `| \`${row.name}\` | ${cell(row.type)} | ${cell(standard)} | ${cell(row.description)} |`
  })
  return ['| Option | Type | Default | Meaning |', '|---|---|---|---|', ...lines].join('\n')
}

function cell(text: string): string {
  return text.replaceAll('|', String.raw`\|`).replaceAll('\n', ' ')
}
