import { dictUpdate, joinedLists } from '../matchers/dict-update.ts'
import { isTruthy, pythonStr } from '../matchers/python-text.ts'
import { traverse } from '../matchers/traverse.ts'
import { Constant, Float, type Value, type ValueObject, entries, get, isMap, isObject, mapOf } from '../wire/value.ts'
import { ArgumentError, CommandExecutionError, type ExtraArguments, InvocationError, defineFunction, defineModule, param } from './contract.ts'
import { filterBy } from './filter-by.ts'
import type { BuiltinContext, PillarQuestion } from './services.ts'

/** Stands for a default that was not given (salt/defaults, NOT_SET). */
const notSet = new Constant('NOT_SET', null)
const isNotSet = (value: Value): boolean => value instanceof Constant && value.name === notSet.name

const environments = { pillarenv: param.text(null), saltenv: param.text(null) }

interface Environments {
  pillarenv: string | null
  saltenv: string | null
}

/** Keywords of a function whose positional arguments are all names (in Python: behind `*args`). */
function keywordsOf(context: BuiltinContext, kwargs: ValueObject, known: readonly string[]): (name: string) => Value {
  const unknown = Object.keys(kwargs).find((name) => !name.startsWith('__') && !known.includes(name))
  if (unknown !== undefined) throw new ArgumentError(`${context.fun.split('.').at(-1)}() got an unexpected keyword argument '${unknown}'`)
  return (name) => get(kwargs, name) ?? null
}

const textOrNull = (value: Value): string | null => (value === null ? null : pythonStr(value))
const questionKeywords = ['pillar', 'pillar_enc', 'pillarenv', 'saltenv']

/** The pillar in memory; with an environment one that the master compiles for this answer. */
async function pillarOf(context: BuiltinContext, { pillarenv, saltenv }: Environments): Promise<ValueObject> {
  if (pillarenv === null && saltenv === null) return context.pillar
  return context.agent.compilePillar(pillarenv === null ? {} : { pillarenv })
}

/** A fresh pillar; with names only these of the pillar in memory, as old versions had it. */
async function items(context: BuiltinContext, { rest: names, kwargs }: ExtraArguments): Promise<ValueObject> {
  const keyword = keywordsOf(context, kwargs, questionKeywords)
  const [pillar, pillarenv, saltenv] = [keyword('pillar'), textOrNull(keyword('pillarenv')), textOrNull(keyword('saltenv'))]
  if (names.length > 0) return pick(await pillarOf(context, { pillarenv, saltenv }), names, '', ':')
  const renderer = textOrNull(keyword('pillar_enc'))
  if (renderer !== null && isTruthy(pillar)) {
    throw new CommandExecutionError(`Failed to decrypt pillar override: this minion has no renderer ${renderer}; give the pillar in clear text`)
  }
  const asked: PillarQuestion = {}
  if (pillarenv !== null) asked.pillarenv = pillarenv
  if (isTruthy(pillar)) asked.override = textKeys(pillar)
  return context.agent.compilePillar(asked)
}

function textKeys(map: Value): ValueObject {
  if (isObject(map)) return map
  throw new InvocationError('the pillar must be a map whose keys are texts')
}

function pick(pillar: ValueObject, names: Value[], fallback: Value, delimiter: string): ValueObject {
  const found = Object.create(null) as ValueObject
  for (const name of names) {
    const value = traverse(pillar, pythonStr(name), delimiter)
    found[pythonStr(name)] = value === undefined ? fallback : value
  }
  return found
}

/** What is found merged into the default; undefined when the two are not of one kind, which is logged as in Salt. */
function mergedIntoDefault(context: BuiltinContext, found: Value | undefined, fallback: Value, joinLists: boolean): Value | undefined {
  if (isMap(fallback) && (found === undefined || isMap(found))) return found === undefined ? fallback : dictUpdate(fallback, found, joinLists)
  if (Array.isArray(fallback) && (found === undefined || Array.isArray(found))) return joinedLists(fallback, found ?? [])
  context.log.error({}, 'pillar.get: the default and the value are not both maps or both lists, nothing is merged')
  return undefined
}

const getValue = defineFunction({
  doc: [
    'Returns a value of the pillar in memory by its path (a:b:0), or the default when there is none.',
    '',
    'merge=True merges the value into the default, when both are maps or both are lists; merge_nested_lists says whether lists in',
    'them are joined (otherwise the option pillar_merge_lists). With pillarenv the master compiles the pillar of that environment.',
  ].join('\n'),
  args: {
    key: param.text(),
    default: param.any(notSet),
    merge: param.boolean(false),
    merge_nested_lists: param.boolean(null),
    delimiter: param.text(':'),
    ...environments,
  },
  async run(context: BuiltinContext, { key, default: given, merge, merge_nested_lists: nested, delimiter, pillarenv, saltenv }) {
    const mustBeThere = isNotSet(given) && context.config('pillar_raise_on_missing') === true
    const fallback = isNotSet(given) ? '' : given
    const found = traverse(await pillarOf(context, { pillarenv, saltenv }), key, delimiter)
    if (merge) {
      const merged = mergedIntoDefault(context, found, fallback, nested ?? context.config('pillar_merge_lists') === true)
      if (merged !== undefined) return merged
    }
    if (found === undefined && mustBeThere) throw new CommandExecutionError(`Pillar key not found: ${key}`)
    return found === undefined ? fallback : found
  },
})

const freshItems = defineFunction({
  doc: [
    'Asks the master for a fresh pillar and returns it; the pillar in memory stays as it is.',
    '',
    'pillar={…} is merged over it. pillarenv=NAME takes the pillar of one environment.',
  ].join('\n'),
  rest: 'args',
  kwargs: 'kwargs',
  run: (context: BuiltinContext, _args, extra) => items(context, extra),
})

export default defineModule<BuiltinContext>({
  name: 'pillar',
  functions: {
    get: getValue,
    fetch: getValue,
    items: freshItems,
    data: freshItems,
    item: defineFunction({
      doc: 'Returns the named values of the pillar in memory: name → value. A path (a:b) is a name too.',
      rest: 'args',
      kwargs: 'kwargs',
      async run(context: BuiltinContext, _args, { rest, kwargs }) {
        const keyword = keywordsOf(context, kwargs, ['default', 'delimiter', 'pillarenv', 'saltenv'])
        const pillar = await pillarOf(context, { pillarenv: textOrNull(keyword('pillarenv')), saltenv: textOrNull(keyword('saltenv')) })
        return pick(pillar, rest, keyword('default') ?? '', textOrNull(keyword('delimiter')) ?? ':')
      },
    }),
    raw: defineFunction({
      doc: 'Returns the pillar in memory, or what is in it under a key.',
      args: { key: param.text(null) },
      run: (context: BuiltinContext, { key }) => (key === null || key === '' ? context.pillar : (get(context.pillar, key) ?? {})),
    }),
    ls: defineFunction({
      doc: 'Asks the master for a fresh pillar and returns the names of its first level.',
      rest: 'args',
      kwargs: 'kwargs',
      run: async (context: BuiltinContext, _args, extra) => Object.keys(await items(context, extra)),
    }),
    obfuscate: defineFunction({
      doc: 'Asks the master for a fresh pillar and returns it with the kind of each value in its place: <str>, <int> …',
      rest: 'args',
      kwargs: 'kwargs',
      run: async (context: BuiltinContext, _args, extra) => obfuscated(await items(context, extra)),
    }),
    keys: defineFunction({
      doc: 'Returns the keys of a map in the pillar in memory, by its path.',
      args: { key: param.text(), delimiter: param.text(':') },
      run(context: BuiltinContext, { key, delimiter }) {
        const found = traverse(context.pillar, key, delimiter)
        if (found === undefined) throw new CommandExecutionError(`Pillar key not found: ${key}`)
        if (!isMap(found)) throw new CommandExecutionError(`Pillar value in key ${key} is not a dict`)
        return entries(found).map(([name]) => name)
      },
    }),
    ext: defineFunction({
      doc: [
        'Returns a fresh pillar with one external pillar added for this answer, as a member of ext_pillar names it.',
        '',
        'The master must allow it (on_demand_ext_pillar); the embedded master has no external pillars and gives the pillar without.',
      ].join('\n'),
      args: { external: param.map(), pillar: param.map(null) },
      run: (context: BuiltinContext, { external, pillar }) =>
        context.agent.compilePillar({ ext: textKeys(external), ...(pillar === null ? {} : { override: textKeys(pillar) }) }),
    }),
    filter_by: defineFunction({
      doc: [
        'Returns the row of a table whose glob matches a pillar value.',
        '',
        'default names the row for when none matches, base a row that every result is merged over; merge is merged over the result.',
      ].join('\n'),
      args: { lookup_dict: param.map(), pillar: param.text(), merge: param.any(null), default: param.text('default'), base: param.text(null) },
      run: (context: BuiltinContext, { lookup_dict: table, pillar, merge, default: fallback, base }) =>
        filterBy(traverse(context.pillar, pillar), { table, merge, fallback, base }),
    }),
  },
})

/** Python's name of each value's kind; maps and lists stay, and so do keys. */
function obfuscated(value: Value): Value {
  if (Array.isArray(value)) return value.map(obfuscated)
  if (isMap(value)) return mapOf(entries(value).map(([key, item]) => [key, obfuscated(item)]))
  return `<${kindOf(value)}>`
}

function kindOf(value: Value): string {
  if (value === null) return 'NoneType'
  if (typeof value === 'string') return 'str'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'bigint') return 'int'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float'
  if (value instanceof Float) return 'float'
  return value instanceof Uint8Array ? 'bytes' : 'object'
}
