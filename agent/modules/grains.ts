import { globMatch } from '../matchers/glob.ts'
import { dictUpdate } from '../matchers/dict-update.ts'
import { pythonStr } from '../matchers/python-text.ts'
import { traverse } from '../matchers/traverse.ts'
import { entries, get, isMap } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import { CommandExecutionError, defineFunction, defineModule, InvocationError, param } from './contract.ts'
import { errorText } from './error-text.ts'
import { isTrue, planAppend, planRemove, planSet } from './grains-set.ts'
import type { Plan } from './grains-set.ts'
import type { BuiltinContext, GrainsChanges } from './services.ts'

const hidden = (text: string) => () => text
/** What `sanitize` shows instead, so that grains can be given to strangers. */
const SANITIZERS: Readonly<Record<string, (value: string) => string>> = {
  serialnumber: (value) => value.slice(0, Math.floor(value.length * 0.75)).padEnd(value.length, 'X'),
  domain: hidden('DOMAINNAME'),
  fqdn: hidden('MINION.DOMAINNAME'),
  id: hidden('MINION.DOMAINNAME'),
  host: hidden('MINION'),
  localhost: hidden('MINION'),
  nodename: hidden('MINION'),
}

function sanitized(grains: ValueObject): ValueObject {
  const shown = Object.entries(grains).map(([name, value]) => [name, Object.hasOwn(SANITIZERS, name) ? (SANITIZERS[name]?.(pythonStr(value)) ?? value) : value])
  return Object.fromEntries(shown) as ValueObject
}

interface ChangeOptions {
  destructive?: boolean
  refreshPillar?: boolean
}

/** Writes what a plan says and answers with the grain that was set; a refusal is the answer itself, as in Salt. */
async function change(context: BuiltinContext, plan: (grains: ValueObject) => Plan, options: ChangeOptions = {}): Promise<Value | { set: ValueObject }> {
  return written(context, (grains) => {
    const planned = plan(grains)
    if (!('set' in planned)) return { set: [], answer: 'refusal' in planned ? planned.refusal : planned.unchanged }
    const [name, value] = planned.set
    return { set: [[name, value === null && options.destructive === true ? undefined : value]], answer: { [name]: value } }
  }, options)
}

async function written(context: BuiltinContext, decide: (grains: ValueObject) => GrainsChanges, options: ChangeOptions): Promise<Value> {
  try {
    return await context.agent.changeGrains(decide, { refreshPillar: options.refreshPillar !== false })
  } catch (error) {
    if (error instanceof Error && error.name === 'GrainsFileError') {
      context.setRetcode(1)
      return `Unable to read existing grains file: ${error.message}`
    }
    throw new CommandExecutionError(`Unable to write to the grains file: ${errorText(error)}`, { cause: error })
  }
}

/** `grains.set` and what stands for it: {comment, changes, result}. */
async function setByPath(context: BuiltinContext, options: { key: string; value: Value; force: boolean; destructive: boolean; delimiter: string }): Promise<ValueObject> {
  let refused = false
  const plan = (grains: ValueObject) => {
    const planned = planSet(grains, options)
    refused = 'refusal' in planned
    return planned
  }
  const answer = await change(context, plan, { destructive: options.destructive })
  if (typeof answer !== 'string') return { comment: '', changes: answer as ValueObject, result: true }
  return { comment: answer, changes: {}, result: !refused && answer === 'Grain is already set' }
}

/** Salt's filter_by (utils/data.py): the value whose key, a glob, matches the grain; with a base below it and a map merged over it. */
function filterBy(grains: ValueObject, args: { table: Value; grain: string; merge: Value; fallback: string; base: Value }): Value {
  if (!isMap(args.table)) throw new InvocationError('filter_by lookup_dict must be a dictionary.')
  const rows = entries(args.table)
  const row = (name: Value) => rows.find(([key]) => pythonStr(key) === pythonStr(name))?.[1]
  const grain = found(grains, args.grain, [])
  const wanted = (Array.isArray(grain) ? grain : [grain]).map(pythonStr)
  const matching = (value: string) => rows.find(([key, item]) => item !== null && globMatch(value, pythonStr(key)))?.[1]
  let result = wanted.map(matching).find((item) => item !== undefined) ?? row(args.fallback) ?? null
  const base = args.base === null ? undefined : row(args.base)
  if (result === null) result = base ?? null
  else if (isMap(base)) {
    if (!isMap(result)) throw new CommandExecutionError('filter_by default and look-up values must both be dictionaries.')
    result = dictUpdate(base, result)
  }
  if (args.merge === null || (isMap(args.merge) && entries(args.merge).length === 0)) return result
  if (!isMap(args.merge)) throw new CommandExecutionError('filter_by merge argument must be a dictionary.')
  if (result === null) return args.merge
  if (!isMap(result)) throw new CommandExecutionError('Cannot update using non-dict types in dictupdate.update()')
  return dictUpdate(result, args.merge)
}

/** The grain at a path; one that is None is a grain, too. */
function found(grains: ValueObject, path: string, fallback: Value, delimiter = ':'): Value {
  const grain = traverse(grains, path, delimiter)
  return grain === undefined ? fallback : grain
}

const getFunction = defineFunction({
  doc: 'Returns a grain by its path (a:b:0), or the default when there is none.',
  args: { key: param.text(), default: param.any(''), delimiter: param.text(':'), ordered: param.boolean(true) },
  immediate: true,
  run: (context, { key, default: fallback, delimiter }) => found(context.grains, key, fallback, delimiter),
})

export default defineModule<BuiltinContext>({
  name: 'grains',
  functions: {
    get: getFunction,
    fetch: getFunction,
    item: defineFunction({
      doc: 'Returns the named grains: name → value. A path (a:b) is a name too. Keywords: default, delimiter, sanitize.',
      rest: 'args',
      kwargs: 'kwargs',
      outputter: 'nested',
      immediate: true,
      run(context, _args, { rest, kwargs }) {
        const fallback = get(kwargs, 'default') ?? ''
        const delimiter = pythonStr(get(kwargs, 'delimiter') ?? ':')
        const named = Object.create(null) as ValueObject
        for (const name of rest) named[pythonStr(name)] = found(context.grains, pythonStr(name), fallback, delimiter)
        return isTrue(get(kwargs, 'sanitize')) ? sanitized(named) : named
      },
    }),
    items: defineFunction({
      doc: 'Returns all grains; with sanitize=True without names and serial numbers.',
      args: { sanitize: param.any(false) },
      outputter: 'nested',
      immediate: true,
      run: (context, { sanitize }) => (isTrue(sanitize) ? sanitized(context.grains) : context.grains),
    }),
    ls: defineFunction({
      doc: 'Returns the names of all grains, sorted.',
      immediate: true,
      run: (context) => Object.keys(context.grains).toSorted(),
    }),
    has_value: defineFunction({
      doc: 'Whether there is a grain of this name or path, even an empty one.',
      args: { key: param.text() },
      immediate: true,
      run: (context, { key }) => traverse(context.grains, key) !== undefined,
    }),
    equals: defineFunction({
      doc: 'Whether a grain, as text, is this value.',
      args: { key: param.text(), value: param.any() },
      immediate: true,
      run: (context, { key, value }) => pythonStr(value) === pythonStr(found(context.grains, key, '')),
    }),
    filter_by: defineFunction({
      doc: 'Looks a grain up in a table whose keys may be globs. default: the key when nothing matches; base: a key whose map lies below; merge: a map to lay over it.',
      args: { lookup_dict: param.any(), grain: param.text('os_family'), merge: param.any(null), default: param.text('default'), base: param.any(null) },
      immediate: true,
      run: (context, args) => filterBy(context.grains, { table: args.lookup_dict, grain: args.grain, merge: args.merge, fallback: args.default, base: args.base }),
    }),
    setvals: defineFunction({
      doc: 'Sets grains in the grains file, from a map. destructive: None removes a grain. Returns what was set.',
      args: { grains: param.any(), destructive: param.boolean(false), refresh_pillar: param.boolean(true) },
      async run(context: BuiltinContext, { grains, destructive, refresh_pillar: refreshPillar }) {
        if (!isMap(grains)) throw new InvocationError('setvals grains must be a dictionary.')
        const set = entries(grains).map(([name, value]): [string, Value | undefined] => [pythonStr(name), value === null && destructive ? undefined : value])
        return written(context, () => ({ set, answer: grains }), { refreshPillar })
      },
    }),
    setval: defineFunction({
      doc: 'Sets a grain in the grains file. destructive: None removes it. Returns what was set.',
      args: { key: param.text(), val: param.any(), destructive: param.boolean(false), refresh_pillar: param.boolean(true) },
      outputter: 'nested',
      run: (context: BuiltinContext, { key, val, destructive, refresh_pillar: refreshPillar }) =>
        change(context, () => ({ set: [key, val] }), { destructive, refreshPillar }),
    }),
    append: defineFunction({
      doc: 'Adds a value to a list in the grains file, which is made when there is none. convert: a single value becomes a list first.',
      args: { key: param.text(), val: param.any(), convert: param.boolean(false), delimiter: param.text(':') },
      run: (context: BuiltinContext, { key, val, convert, delimiter }) => change(context, (grains) => planAppend(grains, { key, value: val, convert, delimiter })),
    }),
    remove: defineFunction({
      doc: 'Takes a value out of a list in the grains file.',
      args: { key: param.text(), val: param.any(), delimiter: param.text(':') },
      run: (context: BuiltinContext, { key, val, delimiter }) => change(context, (grains) => planRemove(grains, { key, value: val, delimiter })),
    }),
    set: defineFunction({
      doc: 'Sets a grain by its path in the grains file. force: also over maps and lists. Returns {comment, changes, result}.',
      args: { key: param.text(), val: param.any(''), force: param.boolean(false), destructive: param.boolean(false), delimiter: param.text(':') },
      run: (context: BuiltinContext, { key, val, force, destructive, delimiter }) => setByPath(context, { key, value: val, force, destructive, delimiter }),
    }),
    delval: defineFunction({
      doc: 'Sets a grain to None in the grains file, or removes it (destructive). force: also a map or list.',
      args: { key: param.text(), destructive: param.boolean(false), force: param.boolean(false) },
      run: (context: BuiltinContext, { key, destructive, force }) => setByPath(context, { key, value: null, force, destructive, delimiter: ':' }),
    }),
    delkey: defineFunction({
      doc: 'Removes a grain from the grains file. force: also a map or list.',
      args: { key: param.text(), force: param.boolean(false) },
      run: (context: BuiltinContext, { key, force }) => setByPath(context, { key, value: null, force, destructive: true, delimiter: ':' }),
    }),
  },
})
