/** The options of this minion, as its functions may read them: without what is secret. */
import { dictUpdate } from '../matchers/dict-update.ts'
import { globMatch } from '../matchers/glob.ts'
import { isTruthy, pythonStr } from '../matchers/python-text.ts'
import { traverse } from '../matchers/traverse.ts'
import { entries, get, isMap } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import { CONFIG_DEFAULTS } from './config-defaults.ts'
import { defineFunction, defineModule, param } from './contract.ts'
import type { BuiltinContext } from './services.ts'

type Mapping = ValueObject | Map<Value, Value>

interface Omit {
  omit_opts: boolean
  omit_grains: boolean
  omit_pillar: boolean
  omit_master: boolean
}

/** What the master put into the pillar of its own configuration (its option pillar_opts). */
function masterOptions(context: BuiltinContext): Mapping {
  const found = get(context.pillar, 'master')
  return isMap(found) ? found : {}
}

/** Where an option may stand, the first that has it wins. */
function places(context: BuiltinContext, omit: Omit): Mapping[] {
  const all: [boolean, Mapping][] = [
    [omit.omit_opts, context.agent.options],
    [omit.omit_grains, context.grains],
    [omit.omit_pillar, context.pillar],
    [omit.omit_master, masterOptions(context)],
  ]
  return [...all.filter(([omitted]) => !omitted).map(([, place]) => place), CONFIG_DEFAULTS]
}

function firstOf(found: (Value | undefined)[], fallback: Value): Value {
  const value = found.find((one) => one !== undefined)
  return value === undefined ? fallback : value
}

/** All places as one map, the first of them on top. `overwrite` replaces what has the same name instead of merging it. */
function mergedPlaces(list: Mapping[], strategy: string): Value {
  return list.toReversed().reduce((below, above): Mapping => {
    if (strategy === 'overwrite') return Object.fromEntries([...entries(below), ...entries(above)]) as ValueObject
    return dictUpdate(below, above)
  })
}

/** `config.merge`: what two places say of one option. A text stands for itself; what lies above is `own`. */
function joined(own: Value | undefined, more: Value | undefined): Value | undefined {
  if (own === undefined || typeof own === 'string') return own ?? more
  if (isMap(own) && isMap(more)) return new Map([...entries(more), ...entries(own)])
  return Array.isArray(own) && Array.isArray(more) ? [...own, ...more] : own
}

const omitParams = { omit_opts: param.boolean(false), omit_pillar: param.boolean(false), omit_master: param.boolean(false), omit_grains: param.boolean(false) }

export default defineModule<BuiltinContext>({
  name: 'config',
  functions: {
    get: defineFunction({
      doc: 'Returns an option by its path (a:b): of the configuration, else of the grains, the pillar, the master. merge (recurse, overwrite): of all of them together.',
      args: { key: param.text(), default: param.any(''), delimiter: param.text(':'), merge: param.any(null), ...omitParams },
      immediate: true,
      run(context: BuiltinContext, { key, default: fallback, delimiter, merge, ...omit }) {
        if (merge === null) return firstOf(places(context, omit).map((place) => traverse(place, key, delimiter)), fallback)
        const everywhere = { omit_opts: false, omit_grains: false, omit_pillar: false, omit_master: false }
        const known = merge === 'recurse' || merge === 'overwrite'
        if (!known) context.log.warn({ strategy: pythonStr(merge) }, 'an unknown merge strategy: recurse is taken')
        return firstOf([traverse(mergedPlaces(places(context, everywhere), known ? merge : 'recurse'), key, delimiter)], fallback)
      },
    }),
    option: defineFunction({
      doc: 'Returns an option by its whole name; known defaults where none is set. wildcard: a map of all whose names match a glob.',
      args: {
        value: param.text(),
        default: param.any(null),
        omit_opts: param.boolean(false),
        omit_grains: param.boolean(false),
        omit_pillar: param.boolean(false),
        omit_master: param.boolean(false),
        omit_all: param.boolean(false),
        wildcard: param.boolean(false),
      },
      immediate: true,
      run(context: BuiltinContext, { value, default: fallback, omit_all: none, wildcard, ...omit }) {
        const all = none ? [CONFIG_DEFAULTS] : places(context, omit)
        if (!wildcard) return firstOf(all.map((place) => get(place, value)), fallback ?? '')
        const found: ValueObject = {}
        for (const place of all.toReversed()) {
          for (const [name, one] of entries(place)) if (globMatch(pythonStr(name), value)) found[pythonStr(name)] = one
        }
        return Object.keys(found).length === 0 ? (fallback ?? {}) : found
      },
    }),
    merge: defineFunction({
      doc: 'Returns an option, maps and lists of the configuration, the master and the pillar joined.',
      args: { value: param.text(), default: param.any(''), omit_opts: param.boolean(false), omit_master: param.boolean(false), omit_pillar: param.boolean(false) },
      immediate: true,
      run(context: BuiltinContext, { value, default: fallback, ...omit }) {
        const own = omit.omit_opts ? undefined : get(context.agent.options, value)
        const withMaster = joined(own, omit.omit_master ? undefined : get(masterOptions(context), value))
        return firstOf([joined(withMaster, omit.omit_pillar ? undefined : get(context.pillar, value)), get(CONFIG_DEFAULTS, value)], fallback)
      },
    }),
    dot_vals: defineFunction({
      doc: 'Returns all options whose names start with this word and a dot: name → value.',
      args: { value: param.text() },
      immediate: true,
      run: (context: BuiltinContext, { value }) =>
        Object.fromEntries([masterOptions(context), context.agent.options].flatMap((place) => entries(place).filter(([name]) => pythonStr(name).startsWith(`${value}.`)))),
    }),
    manage_mode: defineFunction({
      doc: 'Returns the mode of a file as text with four digits: 644 becomes 0644.',
      args: { mode: param.any() },
      immediate: true,
      run: (_context, { mode }) =>
        mode === null ? null : pythonStr(mode).replaceAll('0o', '0').replace(/^"+|"+$/g, '').replace(/^'+|'+$/g, '').replace(/^0+/, '').padStart(4, '0'),
    }),
    valid_fileproto: defineFunction({
      doc: 'Whether an address starts with a protocol that files are fetched by.',
      args: { uri: param.text() },
      immediate: true,
      run: (_context, { uri }) => /^(?:salt|file|https?|ftp|swift|s3):/i.test(uri),
    }),
    backup_mode: defineFunction({
      doc: 'Returns the backup mode: the given one, or the option backup_mode.',
      args: { backup: param.any('') },
      immediate: true,
      run: (context: BuiltinContext, { backup }) => (isTruthy(backup) ? backup : (get(context.agent.options, 'backup_mode') ?? '')),
    }),
    items: defineFunction({
      doc: 'Returns all options, the defaults of those that are not set too, without what is secret.',
      immediate: true,
      run: (context: BuiltinContext) => context.agent.options,
    }),
  },
})
