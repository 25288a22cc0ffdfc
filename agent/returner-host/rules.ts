/** The host's rules for one returner: its own options of that kind over the defaults of all. */
import { type FoundOption, lookupReturnerOptions } from '../../config/returner-options.ts'
import { type ReturnSource, RULE_NAMES, ruleOptions, rulesSchema, type WrittenRules } from '../../config/returner-rules.ts'
import { checksumOf } from './checksum.ts'
import { patternFault } from './redaction-patterns.ts'
import type { Redaction } from './redact.ts'
import { viewVersion } from './view.ts'

/** Which returns go to a returner. */
export interface Filter {
  include?: readonly string[]
  exclude: readonly string[]
  success: 'all' | 'succeeded' | 'failed'
  sources?: readonly ReturnSource[]
}

export interface Rules {
  filter?: Filter
  redaction?: Redaction
  /** Largest JSON text of a return, bytes; absent for the host's own limit. */
  maxJsonBytes?: number
  maxBatch?: number
  lingerMs: number
  /** Changes whenever the view does: kept with each delivery. */
  viewVersion: number
}

/** What is wrong with a rule, and the option it stands in. */
export interface RuleFault {
  option: string
  message: string
  /** Where it was found; absent for a default. */
  at?: FoundOption
}

/** True for an option that the host keeps, whatever the returner. */
export function isRule(option: string): boolean {
  return RULE_NAMES.includes(option)
}

export interface RulesRequest {
  /** Names to look under, the most specific first. */
  names: readonly string[]
  retConfig?: string | undefined
}

/**
 * The rules of a returner under a profile. A profile's rule takes the place of the plain one, as options do; what is redacted for all
 * returners is redacted here too, whatever is written for this one. What a job brings in `ret_kwargs` has no say.
 *
 * @returns with `faults` when a rule cannot be read: then nothing may be sent, since nobody knows what was to be left out
 */
export function rulesOf(config: Readonly<Record<string, unknown>>, { names, retConfig }: RulesRequest): { rules: Rules; faults: RuleFault[] } {
  const found = lookupReturnerOptions(config, { names, ...(retConfig !== undefined && { retConfig }) })
  const faults: RuleFault[] = []
  const own: WrittenRules = {}
  for (const [option, at] of found) {
    if (!isRule(option)) continue
    const parsed = ruleOptions[option as keyof typeof ruleOptions].safeParse(at.value)
    if (parsed.success) Object.assign(own, { [option]: parsed.data })
    else for (const issue of parsed.error.issues) faults.push({ option: [option, ...issue.path].join('.'), message: messageOf(issue), at })
  }
  const defaults = rulesSchema.safeParse(config['returner_defaults'] ?? {})
  if (!defaults.success) faults.push(...defaults.error.issues.map((issue) => ({ option: issue.path.join('.'), message: messageOf(issue) })))
  const written = defaults.success ? merge(defaults.data, own) : own
  const ownPatterns = patternFaults(own, found.get('redact'))
  return { rules: compile(written), faults: [...faults, ...ownPatterns, ...patternFaults(defaults.data ?? {})] }
}

function patternFaults({ redact }: WrittenRules, at?: FoundOption): RuleFault[] {
  return (redact?.patterns ?? []).flatMap((pattern, index) => {
    const message = patternFault(pattern)
    return message === null ? [] : [{ option: `redact.patterns.${index}`, message, ...(at !== undefined && { at }) }]
  })
}

function messageOf(issue: { code: string; message: string; keys?: string[] }): string {
  return issue.code === 'unrecognized_keys' ? `there is no ${(issue.keys ?? []).join(', ')} in it` : issue.message
}

function merge(defaults: WrittenRules, own: WrittenRules): WrittenRules {
  const both = [defaults.redact, own.redact].filter((one) => one !== undefined)
  if (both.length < 2) return { ...defaults, ...own }
  const redact = { keys: both.flatMap((one) => one.keys), paths: both.flatMap((one) => one.paths), patterns: both.flatMap((one) => one.patterns) }
  return { ...defaults, ...own, redact }
}

function compile(written: WrittenRules): Rules {
  const { filter, redact } = written
  const isRedacting = redact !== undefined && redact.keys.length + redact.paths.length + redact.patterns.length > 0
  const view = { ...(isRedacting && { redaction: redact }), ...(written.max_size !== undefined && { maxJsonBytes: written.max_size }) }
  return {
    ...(filter !== undefined && { filter: compileFilter(filter) }),
    ...view,
    ...(written.batch_size !== undefined && { maxBatch: written.batch_size }),
    lingerMs: written.linger ?? 0,
    viewVersion: Object.keys(view).length === 0 ? viewVersion : checksumOf([viewVersion, view]),
  }
}

function compileFilter({ include, exclude, success, sources }: NonNullable<WrittenRules['filter']>): Filter {
  return { exclude, success, ...(include !== undefined && { include }), ...(sources !== undefined && { sources }) }
}
