/** Values in forms that Salt takes, or whose own sample file shows, where the schema knows one form only: a stock configuration means here what it means there. */
import type { z } from 'zod'
import { findSource, type Layer } from './layers.ts'
import type { Problem } from './problems.ts'
import type { OptionSchema } from './validate.ts'

export interface ReadOptions<Schema extends OptionSchema> {
  parsed: z.ZodSafeParseResult<z.output<Schema>>
  /** What was parsed. */
  values: Record<string, unknown>
  /** What is said of values that were taken otherwise than they are written. */
  problems: Problem[]
}

/** Salt's old names of options; the new one counts where both are set (config/__init__.py apply_minion_config). */
const OLD_NAMES: Readonly<Record<string, string>> = { environment: 'saltenv' }

/** Options whose words Salt takes in any case. */
const ANY_CASE: ReadonlySet<string> = new Set(['log_level', 'log_level_logfile', 'hash_type'])

/** What -1 means, which Salt's sample file offers for these; undefined is the default. */
const MINUS_ONE = new Map<string, unknown>([['tcp_keepalive', true], ['tcp_keepalive_idle', undefined], ['master_alive_interval', 0]])

/** True for an option that is read under its new name. */
export function isOldName(name: string): boolean {
  return Object.hasOwn(OLD_NAMES, name)
}

/** Parses merged options. A key without a value, which Salt reads as None and takes for the default nearly everywhere, is left out and told. */
export function parseOptions<Schema extends OptionSchema>(schema: Schema, raw: Readonly<Record<string, unknown>>, layers: readonly Layer[]): ReadOptions<Schema> {
  const renamed = renameOld(schema, raw, layers)
  const first = schema.safeParse(renamed.values)
  if (first.success) return { parsed: first, ...renamed }
  const { problems } = renamed
  const faulty = new Set(first.error.issues.map(({ path }) => String(path[0])))
  const values = Object.fromEntries(Object.entries(renamed.values).flatMap(([key, value]): [string, unknown][] => {
    const option = schema.shape[key]
    if (!faulty.has(key) || option === undefined) return [[key, value]]
    const form = otherForms(key, value).find((one) => accepts(option, one.value))
    if (form !== undefined) return [[key, form.value]]
    if (value === null) problems.push(warning(layers, key, 'has no value', 'the default holds'))
    return value === null || (value === -1 && MINUS_ONE.has(key)) ? [] : [[key, value]]
  }))
  return { parsed: schema.safeParse(values), values, problems }
}

function accepts(option: z.core.$ZodType, value: unknown): boolean {
  return 'safeParse' in option && typeof option.safeParse === 'function' && (option.safeParse(value) as { success: boolean }).success
}

/** What a value may also mean, the likeliest first. */
function otherForms(key: string, value: unknown): { value: unknown }[] {
  if (value === -1 && MINUS_ONE.has(key)) return MINUS_ONE.get(key) === undefined ? [] : [{ value: MINUS_ONE.get(key) }]
  if (value === 0 || value === 1) return [{ value: value === 1 }]
  if (typeof value !== 'string') return []
  if (ANY_CASE.has(key)) return [{ value: value.toLowerCase() }]
  // Quotes around a number: programs that write configurations put them there.
  return /^-?\d{1,15}$/.test(value) ? [{ value: Number(value) }] : []
}

function renameOld(schema: OptionSchema, raw: Readonly<Record<string, unknown>>, layers: readonly Layer[]): { values: Record<string, unknown>; problems: Problem[] } {
  const values = { ...raw }
  const problems = Object.entries(OLD_NAMES).flatMap(([old, name]) => {
    if (!Object.hasOwn(raw, old) || !Object.hasOwn(schema.shape, name)) return []
    const isSet = raw[name] !== undefined && raw[name] !== null
    if (!isSet) values[name] = raw[old]
    return [warning(layers, old, `is the old name of ${name}`, isSet ? `${name} is set, too, and counts` : 'use the new one')]
  })
  return { values, problems }
}

function warning(layers: readonly Layer[], option: string, what: string, advice: string): Problem {
  return { severity: 'warning', source: findSource(layers, [option], 'key'), option, what, advice }
}
