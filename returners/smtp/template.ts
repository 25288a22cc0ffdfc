/**
 * What is plain of Jinja: text with places for values, `{{ id }}`, `{{ return.name }}`, `{{ return['a key'] }}`, and comments. A value is put in
 * as it is and never looked at again, whatever it holds.
 */

/** Text, or the way to a value. */
type Part = string | readonly string[]

/** What a template is filled with: a text is put in as it is. */
export type Values = (path: readonly string[]) => string

/** A template cannot be filled here. */
export class TemplateError extends Error {
  override name = 'TemplateError'
}

const PLACE = /\{\{(.*?)\}\}|\{#.*?#\}|\{%.*?%\}|\{\{|\{%|\{#/gs
const PATH = /^[A-Za-z_]\w*(\.\w+|\['[^'\\]*'\]|\["[^"\\]*"\]|\[\d+\])*$/
const STEP = /\w+|'[^']*'|"[^"]*"/g

/**
 * Reads a template.
 *
 * @returns what fills it
 * @throws TemplateError with the line, when it asks for more than to put values in
 */
export function parseTemplate(text: string): (values: Values) => string {
  const parts: Part[] = []
  let end = 0
  for (const match of text.matchAll(PLACE)) {
    const [all, inner] = match
    parts.push(text.slice(end, match.index))
    end = match.index + all.length
    if (inner !== undefined && PATH.test(inner.trim())) parts.push(stepsOf(inner))
    else if (!(all.startsWith('{#') && all.endsWith('#}'))) throw new TemplateError(`line ${lineOf(text, match.index)}: ${complaint(all)}`)
  }
  parts.push(text.slice(end))
  return (values) => parts.map((part) => (typeof part === 'string' ? part : values(part))).join('')
}

/** What is wrong with a template, or null. */
export function templateFault(text: string): string | null {
  try {
    parseTemplate(text)
    return null
  } catch (error) {
    if (error instanceof TemplateError) return error.message
    throw error
  }
}

function complaint(found: string): string {
  if (/^\{[{%#]$/.test(found)) return `"${found}" is not closed`
  return `${found.startsWith('{%') ? '{% … %}' : 'more than a name between {{ and }}'} is not known here: only {{ name }}, {{ name.part }} and {# … #} are`
}

function stepsOf(path: string): string[] {
  return (path.match(STEP) ?? []).map((step) => (/^['"]/.test(step) ? step.slice(1, -1) : step))
}

function lineOf(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}
