/** What `mine_functions` says is put into the mine (utils/mine.py, modules/config.py `merge`). */
import { type Value, type ValueObject, entries, get, isMap } from '../wire/value.ts'

/** One entry of the mine: which function is called how, and who may read what it gives. */
export interface MineEntry {
  /** The name in the mine. */
  alias: string
  fun: string
  /** Whether the function was named apart from the alias. */
  named: boolean
  args: Value[]
  kwargs: ValueObject
  allow: { allow_tgt?: Value; allow_tgt_type?: Value }
  /** As it was written. */
  definition: Value
}

/** The option, else the master's among the pillar, merged with the pillar's own: what stands first counts. Undefined when there is none. */
export function configuredFunctions(option: Value | undefined, pillar: ValueObject): ValueObject | undefined {
  const places = [option, get(get(pillar, 'master'), 'mine_functions'), get(pillar, 'mine_functions')]
  const merged = Object.create(null) as ValueObject
  for (const place of places) {
    for (const [name, definition] of isMap(place) ? entries(place) : []) {
      if (typeof name === 'string' && !Object.hasOwn(merged, name)) merged[name] = definition
    }
  }
  return Object.keys(merged).length === 0 ? undefined : merged
}

/** The functions of an argument: a map as in `mine_functions`, or a list of names. Undefined for anything else. */
export function givenFunctions(given: Value): ValueObject | undefined {
  if (Array.isArray(given)) return Object.fromEntries(given.filter((name) => typeof name === 'string').map((name) => [name, {}]))
  if (!isMap(given)) return undefined
  return textMembers(given)
}

function textMembers(map: ValueObject | Map<Value, Value>): ValueObject {
  return Object.fromEntries(entries(map).filter((entry): entry is [string, Value] => typeof entry[0] === 'string'))
}

/** Reads one definition: a list of arguments, the maps among them being keywords, or a map of keywords. */
export function readEntry(alias: string, definition: Value): MineEntry {
  const list = Array.isArray(definition) ? definition : [definition]
  const keywords = Object.create(null) as ValueObject
  const args: Value[] = []
  for (const item of list) {
    if (isMap(item)) Object.assign(keywords, textMembers(item))
    else if (Array.isArray(definition)) args.push(item)
  }
  const { mine_function: named, allow_tgt: allowTgt, allow_tgt_type: allowType, ...kwargs } = keywords
  const fun = typeof named === 'string' && named !== '' ? named : undefined
  return { alias, fun: fun ?? alias, named: fun !== undefined, args, kwargs, allow: allowed(allowTgt, allowType), definition }
}

/** The value as it goes into the mine: with its access rule when it has one. */
export function mineValue(value: Value, { allow }: Pick<MineEntry, 'allow'>): Value {
  return allow.allow_tgt === undefined ? value : { __data__: value, __saltmine_acl__: 1, ...allow }
}

/** The access rule, without what is empty. */
export function allowed(tgt: Value | undefined, type: Value | undefined): MineEntry['allow'] {
  const isSet = (value: Value | undefined): value is Value => value !== undefined && value !== null && value !== '' && value !== false
  return { ...(isSet(tgt) ? { allow_tgt: tgt } : {}), ...(isSet(type) ? { allow_tgt_type: type } : {}) }
}
