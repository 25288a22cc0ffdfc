import { z } from 'zod'
import { JOB_CACHE, type ReturnerDefinition } from '../../returners/contract.ts'
import { RULE_NAMES } from '../../config/returner-rules.ts'
import { optionTable } from '../../returners/lib/option-table.ts'

const namePattern = /^[a-z0-9_]{1,64}$/

/** True for a name that a returner may have: it stands in files, options and destinations. */
export function isReturnerName(name: string): boolean {
  return namePattern.test(name)
}

/** What the agent knows of a returner without running it: parsed, since it comes from the returner's own process. */
export const descriptionSchema = z.object({
  name: z.string().regex(namePattern),
  summary: z.string().max(500),
  delivery: z.enum(['upsert', 'dedupe-key', 'at-least-once']),
  isolation: z.enum(['process', 'inline']),
  maxBatch: z.int().min(1).max(1000),
  configNames: z.array(z.string().max(100)).max(10),
  siteOnly: z.array(z.string().max(200)).max(200),
  masterMaySet: z.array(z.string().max(200)).max(200),
  topLevel: z.array(z.string().max(200)).max(20),
  /** What of a job cache its handles have. */
  jobCache: z.array(z.enum(JOB_CACHE)).max(JOB_CACHE.length),
  /** npm packages that it needs besides what Brine brings. */
  drivers: z.array(z.string().max(200)).max(20),
  /** Empty when there is none. */
  schema: z.string().max(64 * 1024),
  /** Whether it can look at its target. */
  checks: z.boolean(),
  options: z.array(
    z.object({
      name: z.string().max(200),
      type: z.string().max(500),
      required: z.boolean(),
      default: z.unknown().optional(),
      description: z.string().max(2000),
      secret: z.enum(['self', 'values']).optional(),
    }),
  ).max(200),
})

export type Description = z.output<typeof descriptionSchema>

const definitionShape = z.object({
  name: z.string().regex(namePattern, { error: '"name" must be lower case letters, digits and underscores' }),
  summary: z.string({ error: '"summary" must be one line of text' }),
  delivery: z.enum(['upsert', 'dedupe-key', 'at-least-once'], { error: '"delivery" must be upsert, dedupe-key or at-least-once' }),
  isolation: z.enum(['process', 'inline'], { error: '"isolation" must be process or inline' }).optional(),
  maxBatch: z.int({ error: '"maxBatch" must be a whole number from 1 to 1000' }).min(1).max(1000).optional(),
  configNames: z.array(z.string()).optional(),
  siteOnly: z.array(z.string(), { error: '"siteOnly" must be a list of names of options' }).optional(),
  masterMaySet: z.array(z.string(), { error: '"masterMaySet" must be a list of names of options' }).optional(),
  topLevel: z.array(z.string(), { error: '"topLevel" must be a list of names of options' }).optional(),
  jobCache: z.array(z.enum(JOB_CACHE), { error: '"jobCache" must be a list of functions of a job cache' }).optional(),
  drivers: z.array(z.string(), { error: '"drivers" must be a list of npm packages' }).optional(),
  schema: z.string({ error: '"schema" must be text' }).optional(),
  check: z.custom<ReturnerDefinition<unknown>['check']>((value) => typeof value === 'function', { error: '"check" must be a function' }).optional(),
  options: z.custom<z.ZodType>((value) => isSchema(value), { error: '"options" must be a zod object: z.strictObject({…})' }),
  open: z.custom<ReturnerDefinition<unknown>['open']>((value) => typeof value === 'function', { error: '"open" must be a function' }),
})

/**
 * The definition a returner's file exports by default (CommonJS: its `module.exports`).
 *
 * @throws TypeError that says what is missing or wrong.
 */
export function readDefinition(exports: unknown): ReturnerDefinition<unknown> {
  const outer = member(exports, 'default')
  const candidate = member(outer, 'default') ?? outer
  if (candidate === undefined) throw new TypeError('there is no default export; write "export default defineReturner({…})"')
  const parsed = definitionShape.safeParse(candidate)
  if (!parsed.success) throw new TypeError(`not a returner: ${parsed.error.issues.map((issue) => issue.message).join('; ')}`)
  const taken = optionTable(parsed.data.options).filter(({ name }) => RULE_NAMES.includes(name))
  if (taken.length > 0) throw new TypeError(`not a returner: the agent keeps the option ${taken.map(({ name }) => name).join(', ')} for every returner; call yours something else`)
  return candidate as ReturnerDefinition<unknown>
}

/** What to tell the agent about a definition. */
export function describeDefinition(definition: ReturnerDefinition<unknown>): Description {
  return {
    name: definition.name,
    summary: definition.summary,
    delivery: definition.delivery,
    isolation: definition.isolation ?? 'process',
    maxBatch: definition.maxBatch ?? 1,
    configNames: [...(definition.configNames ?? [])],
    siteOnly: [...(definition.siteOnly ?? [])],
    masterMaySet: [...(definition.masterMaySet ?? [])],
    topLevel: [...(definition.topLevel ?? [])],
    jobCache: [...(definition.jobCache ?? [])],
    drivers: [...(definition.drivers ?? [])],
    schema: definition.schema ?? '',
    checks: definition.check !== undefined,
    options: optionTable(definition.options),
  }
}

function isSchema(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'safeParse' in value && typeof value.safeParse === 'function'
}

function member(value: unknown, name: string): unknown {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return undefined
  return (value as Record<string, unknown>)[name]
}
