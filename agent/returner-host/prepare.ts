import { type FoundOption, lookupReturnerOptions, sortOptions } from '../../config/returner-options.ts'
import { isPlainMap } from '../../config/plain-map.ts'
import { isSecretReference } from '../../returners/lib/secret.ts'
import type { Description } from './definition.ts'
import { type Failure, operatorFailure } from './failure.ts'
import type { LoadSpec, View } from './protocol.ts'
import { isRule, rulesOf } from './rules.ts'
import { resolveSecrets } from './secrets.ts'

/** What a job asked for beside the returner's name. */
export interface OptionsRequest {
  retConfig?: string
  retKwargs?: Record<string, unknown>
  /** True when `retKwargs` are a master's words: it may not set what leads returns elsewhere. */
  fromMaster?: boolean
}

/** Everything that is needed to open a returner. */
export interface PreparedReturner {
  name: string
  load: LoadSpec
  options: Record<string, unknown>
  from: Record<string, string>
  /** Plain texts, to be taken out of messages. */
  secrets: string[]
  /** What becomes of a return on its way there. */
  view: View
  /** Unknown flat names: worth a word in the log. */
  warnings: string[]
}

export type Prepared = ({ ok: true } & PreparedReturner) | { ok: false; failure: Failure; configured: boolean }

export type Prepare = () => Promise<Prepared>

export interface PrepareSettings {
  /** Where secrets named by `{env: NAME}` are looked up. */
  environment: Readonly<Record<string, string | undefined>>
  /** Largest return that any returner gets, bytes of JSON. */
  maxRecordBytes: number
}

/**
 * A returner's options as the configuration has them now, secrets read. Its schema has not seen them yet.
 *
 * `configured` of a failure: whether anything at all was set for this returner.
 */
export function prepareOptions(
  load: LoadSpec,
  description: Description,
  request: OptionsRequest,
  config: Readonly<Record<string, unknown>>,
  { environment, maxRecordBytes }: PrepareSettings,
): Prepared {
  const { name } = description
  const names = optionNames(description)
  const found = lookupReturnerOptions(config, { names, ...request })
  const configured = found.size > 0
  addTopLevel(found, description.topLevel, config)
  const sorted = sortOptions(name, new Map([...found].filter(([option]) => !isRule(option))), description.options.map((row) => row.name))
  const missing = description.options.filter((row) => row.required && !(row.name in sorted.options))
  const { rules, faults: broken } = rulesOf(config, { names, retConfig: request.retConfig })
  const ruleFaults = broken.map(({ option, message, at }) => `returner "${name}": option "${option}"${at === undefined ? '' : ` (${at.from})`} ${message}`)
  const faults = [...sorted.errors, ...forbidden(description, found), ...ruleFaults, ...missing.map((row) => `returner "${name}" needs the option "${row.name}" (${row.type})`)]
  if (faults.length > 0) return { ok: false, failure: operatorFailure(faults.join('; ')), configured }
  try {
    const { options, secrets } = resolveSecrets(sorted.options, description.options, environment)
    const view = { maxJsonBytes: Math.min(rules.maxJsonBytes ?? maxRecordBytes, maxRecordBytes), ...(rules.redaction && { redaction: rules.redaction }) }
    return { ok: true, name, load, options, from: sorted.from, secrets, view, warnings: sorted.warnings }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { ok: false, failure: operatorFailure(`returner "${name}": ${message}`), configured }
  }
}

/**
 * What a job asks for in `ret_kwargs` and may not: to set what only the site sets, or to have files and variables of this host read. The
 * agent reads them with its own rights, and the job may name the address they would be sent to.
 */
function forbidden({ name, siteOnly }: Description, found: ReadonlyMap<string, FoundOption>): string[] {
  return [...found].filter(([, { form }]) => form === 'ret_kwargs').flatMap(([option, { value, from }]) => {
    if (siteOnly.includes(option) || isRule(option)) return [`returner "${name}": option "${option}" (${from}) can only be set in the minion's configuration`]
    const values = isPlainMap(value) ? [value, ...Object.values(value)] : [value]
    return values.some(isSecretReference) ? [`returner "${name}": option "${option}" (${from}) may not name a file or a variable of this host`] : []
  })
}

/** Adds what Salt keeps at the top of the configuration, where the returner's own map says nothing. */
function addTopLevel(found: Map<string, FoundOption>, names: readonly string[], config: Readonly<Record<string, unknown>>): void {
  for (const name of names) {
    const value = config[name]
    if (!found.has(name) && value !== undefined && value !== null) found.set(name, { value, form: 'flat', from: name, path: [name] })
  }
}

/** The names that a returner's options stand under, the most specific first. */
export function optionNames({ name, configNames = [] }: { name: string; configNames?: readonly string[] | undefined }): string[] {
  return [name, ...configNames].flatMap((base) => [`returner.${base}`, base])
}
