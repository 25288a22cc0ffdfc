import { isPlainMap } from './plain-map.ts'
import { suggestName } from './problems.ts'

/** Where an option's value came from: a `map` and `ret_kwargs` may hold only options of the returner; flat names may belong to others too. */
export type OptionForm = 'map' | 'flat' | 'ret_kwargs'

/** One configured value of a returner. */
export interface FoundOption {
  value: unknown
  form: OptionForm
  /** For messages: `alternative.mysql.host`, `ret_kwargs host`. */
  from: string
  /** The keys that lead to it in the configuration; empty for ret_kwargs. */
  path: readonly string[]
}

export interface OptionRequest {
  /** Names to look under, the most specific first: `returner.pgjsonb`, `pgjsonb`. */
  names: readonly string[]
  /** `ret_config`: the alternative to look under first. */
  retConfig?: string
  /** Options of this one job, above all others. */
  retKwargs?: Readonly<Record<string, unknown>>
}

/**
 * Every option that the configuration holds for a returner, with where it stands. Pure.
 *
 * The order is Salt's (returners/__init__.py `get_returner_options`): `ret_kwargs`, then `<alternative>.<name>` as a map,
 * then as flat names, then `<name>` as a map, then as flat names; the returner's own defaults come last, in its schema.
 * A map may stand under a dotted key (`returner.pgjsonb:`) or nested (`returner: {pgjsonb: …}`). Unlike Salt, which takes
 * every falsy value for unset, only null is: `verify: false` and `port: 0` count.
 */
export function lookupReturnerOptions(config: Readonly<Record<string, unknown>>, request: OptionRequest): Map<string, FoundOption> {
  const found = new Map<string, FoundOption>()
  for (const [option, one] of findReturnerOptions(config, request)) if (!found.has(option)) found.set(option, one)
  return found
}

/** As lookupReturnerOptions, with those that another one hides: an option may come more than once, the one that counts first. */
export function* findReturnerOptions(config: Readonly<Record<string, unknown>>, request: OptionRequest): Generator<[string, FoundOption]> {
  for (const [option, value] of Object.entries(request.retKwargs ?? {})) {
    if (isSet(value)) yield [option, { value, form: 'ret_kwargs', from: `ret_kwargs ${option}`, path: [] }]
  }
  const prefixes = request.retConfig === undefined ? [] : request.names.map((name) => `${request.retConfig}.${name}`)
  for (const prefix of [...prefixes, ...request.names]) {
    for (const form of ['map', 'flat'] as const) {
      for (const { option, value, path } of underPrefix(config, prefix, form, [])) {
        if (isSet(value)) yield [option, { value, form, from: `${prefix}.${option}`, path }]
      }
    }
  }
}

/**
 * The profiles under which options are set for a returner: undefined for its plain names, else what a job calls `ret_config`. Pure.
 *
 * @param config without the options of the minion itself, whose maps are no profiles
 */
export function returnerProfiles(config: Readonly<Record<string, unknown>>, names: readonly string[]): Set<string | undefined> {
  const profiles = new Set<string | undefined>()
  if (lookupReturnerOptions(config, { names }).size > 0) profiles.add(undefined)
  for (const [key, value] of Object.entries(config)) {
    for (const name of names) {
      if (isPlainMap(value) && isPlainMap(value[name])) profiles.add(key)
      const at = `${key}.`.indexOf(`.${name}.`)
      if (at > 0 && (at + name.length + 1 < key.length || isPlainMap(value))) profiles.add(key.slice(0, at))
    }
  }
  // `returner.http` is the plain name; of `x.returner.http` the longer name finds `x`.
  return new Set([...profiles].filter((profile) => profile === undefined || !/(^|\.)returner$/.test(profile)))
}

function isSet(value: unknown): boolean {
  return value !== null && value !== undefined
}

interface Placed {
  option: string
  value: unknown
  path: string[]
}

/** The members of maps at `prefix`, or what flat keys that begin with it hold, whatever part of the prefix is nested. */
function* underPrefix(map: Readonly<Record<string, unknown>>, prefix: string, form: 'map' | 'flat', above: readonly string[]): Generator<Placed> {
  for (const [key, value] of Object.entries(map)) {
    const path = [...above, key]
    if (key === prefix) {
      if (form === 'map' && isPlainMap(value)) for (const [option, one] of Object.entries(value)) yield { option, value: one, path: [...path, option] }
    } else if (key.startsWith(`${prefix}.`)) {
      if (form === 'flat') yield { option: key.slice(prefix.length + 1), value, path }
    } else if (prefix.startsWith(`${key}.`) && isPlainMap(value)) {
      yield* underPrefix(value, prefix.slice(key.length + 1), form, path)
    }
  }
}

export interface SortedOptions {
  /** Known options: what the returner's schema is to check. */
  options: Record<string, unknown>
  /** Where each came from. */
  from: Record<string, string>
  /** Unknown options where only the returner's own may stand. */
  errors: string[]
  /** Unknown flat names: another program may own them (`mysql.default_file`), so they are only said. */
  warnings: string[]
}

/** Parts what was found into options the returner has and names it does not know, with suggestions. Pure. */
export function sortOptions(returner: string, found: ReadonlyMap<string, FoundOption>, known: readonly string[]): SortedOptions {
  const sorted: SortedOptions = { options: {}, from: {}, errors: [], warnings: [] }
  for (const [option, { value, form, from }] of found) {
    if (known.includes(option)) {
      sorted.options[option] = value
      sorted.from[option] = from
      continue
    }
    const near = suggestName(option, known)
    const message = `returner "${returner}" has no option "${option}" (${from})${near === undefined ? '' : `; did you mean "${near}"?`}`
    const list = form === 'flat' ? sorted.warnings : sorted.errors
    list.push(message)
  }
  return sorted
}

/** One line for an option that does not fit the schema: returner, option, where it stands, what is expected. Never the value. */
export function optionFault(returner: string, issue: { option: string; message: string }, from: Readonly<Record<string, string>>): string {
  if (issue.option === '') return `returner "${returner}": ${issue.message}`
  const place = from[issue.option] ?? from[issue.option.split('.')[0] ?? '']
  return `returner "${returner}": option "${issue.option}"${place === undefined ? '' : ` (${place})`}: ${issue.message}`
}
