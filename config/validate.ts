/** Checks merged layers against a schema: every problem with the place of the value it is about. */
import type { z } from 'zod'
import { findSource, type Layer } from './layers.ts'
import { type Problem, suggestName } from './problems.ts'
import { isSecretName } from './secret.ts'

/** A schema whose top level is a map of options. */
export type OptionSchema = z.ZodObject<z.ZodRawShape>

/** Problems of a failed parse. `raw` is what was parsed. */
export function problemsOf(error: z.ZodError, schema: OptionSchema, layers: readonly Layer[], raw: unknown): Problem[] {
  return error.issues.flatMap((issue) => branchIssues(issue, valueAt(raw, issue.path.map(String)))).flatMap((issue) => {
    const path = issue.path.map(String)
    if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(key, path, schema, layers))
    return [{ severity: 'error', source: findSource(layers, path), option: path.join('.'), ...wordsOf(issue, valueAt(raw, path), path) } satisfies Problem]
  })
}

/** Where an option may be a map or something simpler and is a map: what is wrong inside that map, not that it is none of all. */
function branchIssues(issue: z.core.$ZodIssue, value: unknown): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union' || typeof value !== 'object' || value === null || Array.isArray(value)) return [issue]
  const inside = issue.errors.find((errors) => errors.every(({ code, path }) => path.length > 0 || code === 'unrecognized_keys'))
  return inside?.map((one) => ({ ...one, path: [...issue.path, ...one.path] })) ?? [issue]
}

/** What a top-level key that the schema does not have gets told. */
export interface UnknownKeyRules {
  /** True for a key that is legal though not in the schema, such as a returner's map. */
  isKnown(key: string): boolean
  /** True for an option of Salt's that has no effect here. */
  isWithoutEffect(key: string): boolean
}

/**
 * Unknown top-level keys are legal in Salt (config.get reads them): warnings, with the name that was probably meant. Members of our own
 * maps written flat are errors.
 */
export function unknownTopLevel(raw: object, schema: OptionSchema, layers: readonly Layer[], rules: UnknownKeyRules): Problem[] {
  const known = Object.keys(schema.shape)
  return Object.keys(raw).flatMap((key): Problem[] => {
    const flat = flatOfMap(key, schema)
    if (flat !== undefined) return [{ severity: 'error', source: findSource(layers, [key], 'key'), option: key, ...flat }]
    if (known.includes(key) || rules.isKnown(key)) return []
    const common = { severity: 'warning', source: findSource(layers, [key], 'key'), option: key } as const
    if (rules.isWithoutEffect(key)) return [{ ...common, what: "is an option of Salt's that has no effect here" }]
    return [{ ...common, ...unknownWords(key, known) }]
  })
}

/** `outbox.max_bytes: …`: a map of ours is read as a map only, or an option would be dropped in silence. */
function flatOfMap(key: string, schema: OptionSchema): { what: string; advice: string } | undefined {
  const [map = '', ...rest] = key.split('.')
  const known = rest.length === 0 ? [] : keysUnder(schema, [map])
  if (known.length === 0) return undefined
  const option = rest.join('.')
  const meant = known.includes(option) ? option : suggestName(option, known)
  return { what: `is not read: ${map} is a map`, advice: `write ${map}: {${meant ?? 'option'}: …}` }
}

function unknownKey(key: string, path: string[], schema: OptionSchema, layers: readonly Layer[]): Problem {
  const known = keysUnder(schema, path)
  const full = [...path, key]
  return { severity: 'error', source: findSource(layers, full, 'key'), option: full.join('.'), ...unknownWords(key, known) }
}

function unknownWords(key: string, known: string[]): { what: string; advice?: string } {
  const suggestion = suggestName(key, known)
  return suggestion === undefined ? { what: 'unknown option' } : { what: 'unknown option', advice: `did you mean ${suggestion}?` }
}

/** The keys a schema's map under a path may have; none when it is not such a map. */
function keysUnder(schema: unknown, path: readonly string[]): string[] {
  const object = unwrap(schema)
  if (typeof object !== 'object' || object === null) return []
  const [step, ...rest] = path
  if ('shape' in object && typeof object.shape === 'object' && object.shape !== null) {
    const shape = object.shape as Record<string, unknown>
    return step === undefined ? Object.keys(shape) : keysUnder(shape[step], rest)
  }
  if ('options' in object && Array.isArray(object.options)) return object.options.flatMap((one) => keysUnder(one, path))
  return 'valueType' in object && step !== undefined ? keysUnder(object.valueType, rest) : []
}

/** Takes defaults and the like off a schema. */
function unwrap(schema: unknown): unknown {
  let at = schema
  while (typeof at === 'object' && at !== null && 'unwrap' in at && typeof at.unwrap === 'function') at = at.unwrap() as unknown
  return at
}

/** What the library calls otherwise than YAML's readers do. */
const NAMES: Readonly<Record<string, string>> = {
  array: 'a list',
  tuple: 'a list',
  object: 'a map',
  record: 'a map',
  string: 'a text',
  number: 'a number',
  boolean: 'True or False',
}

/** What is wrong with a value. Only plain values under harmless names are quoted. */
function wordsOf(issue: z.core.$ZodIssue, value: unknown, path: string[]): { what: string } {
  const shown = quotable(value, path) ? `${JSON.stringify(value)} ` : ''
  const got = `, got ${kindOf(value)}`
  if (issue.code === 'too_small') return { what: `${shown}must be at least ${issue.minimum}` }
  if (issue.code === 'too_big') return { what: `${shown}must be at most ${issue.maximum}` }
  if (issue.code === 'invalid_union') return { what: `${issue.message}${got}` }
  if (issue.code !== 'invalid_type') return { what: `${shown}${issue.message}` }
  // The library's own words begin so; where an option has words of its own they are better.
  return { what: issue.message.startsWith('Invalid input') ? `expected ${NAMES[issue.expected] ?? issue.expected}${got}` : `${issue.message}${got}` }
}

function quotable(value: unknown, path: string[]): boolean {
  if (path.some(isSecretName)) return false
  return typeof value === 'number' || typeof value === 'boolean' || (typeof value === 'string' && value.length <= 60)
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'string') return 'a text'
  if (typeof value === 'boolean') return 'True or False'
  return typeof value === 'object' ? 'a map' : 'a number'
}

function valueAt(raw: unknown, path: string[]): unknown {
  let at = raw
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined
    at = (at as Record<string, unknown>)[step]
  }
  return at
}
