/** A sample of a configuration file: every option of a schema with its default, as comments. */
import type { OptionRow } from './option-rows.ts'

const WIDTH = 80

/**
 * YAML with every option behind a `#`, and what it means behind `##`. Taking the first `#` of every line away leaves a configuration of
 * the defaults.
 *
 * @param title the first lines
 */
export function sampleYaml(rows: readonly OptionRow[], title: readonly string[]): string {
  const lines = title.map((line) => `## ${line}`)
  for (const row of rows) {
    const indent = '  '.repeat(row.path.length - 1)
    const meaning = `${row.description}${row.salt === '' ? '' : row.salt === 'not in Salt' ? ' (not in Salt)' : ` (Salt: ${row.salt})`}`
    const hint = `${row.isGroup ? '' : ` [${row.type}]`}${row.default === undefined && !row.isGroup ? '; for example:' : ''}`
    if (row.path.length === 1) lines.push('')
    lines.push(...wrap(`${meaning}${hint}`, WIDTH - indent.length - 3).map((line) => `## ${indent}${line}`))
    const value = row.isGroup ? '' : ` ${yamlScalar(row.default ?? row.example ?? null)}`
    lines.push(`#${indent}${row.path.at(-1) ?? ''}:${value}`)
  }
  return `${lines.join('\n')}\n`
}

/** A value in one line of YAML that reads back as the same value, in Salt's spelling: True, `[a, b]`, `{base: [/srv/salt]}`. */
export function yamlScalar(value: unknown): string {
  if (value === true || value === false) return value ? 'True' : 'False'
  if (value === null || value === undefined) return 'null'
  if (Array.isArray(value)) return `[${value.map(yamlScalar).join(', ')}]`
  if (typeof value === 'object') return `{${Object.entries(value).map(([key, one]) => `${quoted(key)}: ${yamlScalar(one)}`).join(', ')}}`
  return typeof value === 'string' ? quoted(value) : typeof value === 'number' || typeof value === 'bigint' ? String(value) : 'null'
}

/** Words that YAML, or Salt's reading of it, takes for something else than a text. */
const NO_TEXT = /^(y|n|yes|no|on|off|true|false|null|~)$/i

function quoted(text: string): string {
  const isPlain = /^(?:[A-Za-z/_][\w./@-]*|\d+(?:\.\d+)?(?:[smhdw]|ms|[KMGT]?i?B))$/.test(text) && !NO_TEXT.test(text)
  if (isPlain) return text
  return /[\p{Cc}\u2028\u2029]/u.test(text) ? JSON.stringify(text) : `'${text.replaceAll("'", "''")}'`
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}
