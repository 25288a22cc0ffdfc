import type { z } from 'zod'

/** What is wrong with one option: safe to log, for it never holds a value. */
export interface OptionIssue {
  /** Dotted path of the option; empty when it is about all of them. */
  option: string
  message: string
}

export type CheckedOptions<Options> = { ok: true; options: Options } | { ok: false; issues: OptionIssue[] }

/** Parses raw options with a returner's schema. Issues name options and what was expected, never what was found. */
export function checkOptions<Options>(schema: z.ZodType<Options>, raw: Record<string, unknown>): CheckedOptions<Options> {
  const parsed = schema.safeParse(raw)
  if (parsed.success) return { ok: true, options: parsed.data }
  const { issues } = parsed.error
  // Of what has the wrong type the library may also say that it is too long: a text where a list is expected.
  const mistyped = new Set(issues.filter(({ code }) => code === 'invalid_type').map(({ path }) => path.join('.')))
  return { ok: false, issues: issues.filter(({ code, path }) => code === 'invalid_type' || !mistyped.has(path.join('.'))).flatMap((issue) => issuesOf(issue)) }
}

function issuesOf(issue: z.core.$ZodIssue): OptionIssue[] {
  const path = issue.path.map(String)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ option: [...path, key].join('.'), message: 'there is no such option' }))
  }
  if (issue.code === 'too_small' && issue.origin === 'number') {
    return [{ option: path.join('.'), message: `must be ${issue.inclusive === true ? 'at least' : 'more than'} ${issue.minimum}` }]
  }
  const missing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined')
  const expected = issue.code === 'invalid_type' ? `expected ${inWords(issue.expected)}` : issue.message
  return [{ option: path.join('.'), message: missing ? `missing: ${expected}` : expected }]
}

function inWords(type: string): string {
  return NAMES[type] ?? `a ${type}`
}

const NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'a map',
  record: 'a map',
}
