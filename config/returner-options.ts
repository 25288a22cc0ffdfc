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
  const add = (option: string, value: FoundOption) => {
    if (value.value !== null && value.value !== undefined && !found.has(option)) found.set(option, value)
  }
  for (const [option, value] of Object.entries(request.retKwargs ?? {})) {
    add(option, { value, form: 'ret_kwargs', from: `ret_kwargs ${option}` })
  }
  const prefixes = request.retConfig === undefined ? [] : request.names.map((name) => `${request.retConfig}.${name}`)
  for (const prefix of [...prefixes, ...request.names]) {
    for (const [option, value] of underPrefix(config, prefix, 'map')) add(option, { value, form: 'map', from: `${prefix}.${option}` })
    for (const [option, value] of underPrefix(config, prefix, 'flat')) add(option, { value, form: 'flat', from: `${prefix}.${option}` })
  }
  return found
}

/** The members of maps at `prefix`, or what flat keys that begin with it hold, whatever part of the prefix is nested. */
function* underPrefix(map: Readonly<Record<string, unknown>>, prefix: string, form: 'map' | 'flat'): Generator<[string, unknown]> {
  for (const [key, value] of Object.entries(map)) {
    if (key === prefix) {
      if (form === 'map' && isPlainMap(value)) yield* Object.entries(value)
    } else if (key.startsWith(`${prefix}.`)) {
      if (form === 'flat') yield [key.slice(prefix.length + 1), value]
    } else if (prefix.startsWith(`${key}.`) && isPlainMap(value)) {
      yield* underPrefix(value, prefix.slice(key.length + 1), form)
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
