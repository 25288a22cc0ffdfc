import { isTruthy } from '../matchers/python-text.ts'
import { type Value, type ValueObject, entries, get, isMap, isObject } from '../wire/value.ts'
import { CommandExecutionError, defineFunction, defineModule, param } from './contract.ts'
import { allowed, configuredFunctions, givenFunctions, mineValue, readEntry } from './mine-functions.ts'
import { deleteLocally, getLocally, storeLocally } from './mine-local.ts'
import type { BuiltinContext } from './services.ts'

/** What goes into the mine: the master's, or this minion's own where there is none. */
function store(context: BuiltinContext, data: ValueObject, clear: boolean): Promise<boolean> | true {
  return context.agent.masterless ? storeLocally(context, data, clear) : tellMaster(context, { cmd: '_mine', data, clear })
}

/** True when the master took it; anything else it answers means that it did not. */
async function tellMaster(context: BuiltinContext, load: ValueObject): Promise<boolean> {
  const answer = await context.agent.master.request({ ...load, id: context.minionId })
  if (answer !== true) context.log.warn({ cmd: load['cmd'] }, 'the master did not take what was sent to the mine')
  return answer === true
}

async function isAvailable(context: BuiltinContext, fun: string): Promise<boolean> {
  const known = await context.agent.functions.list()
  if (known.some(({ module, name }) => `${module}.${name}` === fun)) return true
  context.log.error({ fun }, 'a function in mine_functions is not available')
  return false
}

/** Calls a function as Salt does for the mine: a map among the arguments is keywords. */
function callForMine(context: BuiltinContext, fun: string, given: Value[], kwargs: ValueObject): Promise<Value> {
  const args = given.filter((arg) => !isObject(arg))
  const inner = given.filter((arg) => isObject(arg))
  return context.call(fun, args, Object.assign({}, ...inner, kwargs) as ValueObject)
}

const configured = (context: BuiltinContext) => configuredFunctions(get(context.agent.options, 'mine_functions'), context.pillar)

/** What the pillar names, a master names. */
function isRefused(context: BuiltinContext, { alias, fun }: { alias: string; fun: string }): boolean {
  const refusal = get(get(context.agent.options, 'mine_functions'), alias) === undefined ? context.agent.refusedToMaster(fun) : undefined
  if (refusal !== undefined) context.log.error({ fun, refusal }, 'a function that the pillar puts into the mine was not called')
  return refusal !== undefined
}

/** A keyword of the mine's own, that the called function does not get. */
function take(kwargs: ValueObject, name: string): Value | undefined {
  const value = kwargs[name]
  delete kwargs[name]
  return value
}

export default defineModule<BuiltinContext>({
  name: 'mine',
  functions: {
    update: defineFunction({
      doc: [
        'Calls the functions of mine_functions and sends what they give to the master, for other minions to read; without one it is kept here.',
        '',
        'They are those of the option and of the pillar, or of the argument mine_functions: a map of the same form, or a list of names.',
        'clear=True replaces all that this minion has in the mine. One that fails is logged and left out. Returns True when the master',
        'took it, None when there are none.',
      ].join('\n'),
      args: { clear: param.boolean(false), mine_functions: param.any(null) },
      async run(context: BuiltinContext, { clear, mine_functions: given }) {
        const functions = isTruthy(given) ? givenFunctions(given) : configured(context)
        if (functions === undefined) return null
        const data = Object.create(null) as ValueObject
        for (const [alias, definition] of Object.entries(functions)) {
          const entry = readEntry(alias, definition)
          if (!(await isAvailable(context, entry.fun)) || (!isTruthy(given) && isRefused(context, entry))) continue
          try {
            data[alias] = mineValue(await callForMine(context, entry.fun, entry.args, entry.kwargs), entry)
          } catch (error) {
            context.signal.throwIfAborted()
            context.log.error({ fun: entry.fun, err: error }, 'a function in mine_functions failed, the mine keeps what it had of it')
          }
        }
        return store(context, data, clear)
      },
    }),
    send: defineFunction({
      doc: [
        'Calls a function and sends what it gives to the master, for other minions to read. Returns True when the master took it.',
        '',
        'Further arguments are those of the function. mine_function names the function when it is to have another name in the mine;',
        'allow_tgt, with allow_tgt_type, says which minions may read it.',
        "Example: mine.send web_ip mine_function=network.ip_addrs allow_tgt='lb*'",
      ].join('\n'),
      args: { name: param.text() },
      rest: 'args',
      kwargs: 'kwargs',
      async run(context: BuiltinContext, { name }, { rest, kwargs }) {
        const keywords: ValueObject = Object.fromEntries(Object.entries(kwargs).filter(([key]) => !key.startsWith('__')))
        const named = take(keywords, 'mine_function')
        const allow = allowed(take(keywords, 'allow_tgt'), take(keywords, 'allow_tgt_type'))
        let value: Value
        try {
          value = await callForMine(context, typeof named === 'string' && named !== '' ? named : name, rest, keywords)
        } catch (error) {
          context.signal.throwIfAborted()
          context.log.error({ fun: named ?? name, err: error }, 'a function for the mine failed')
          return false
        }
        return store(context, { [name]: mineValue(value, { allow }) }, false)
      },
    }),
    get: defineFunction({
      doc: [
        'Returns what minions have left in the mine: id → value; of several functions (a list, or with commas) function → id → value.',
        '',
        'tgt and tgt_type are as on the command line, but pillar is compared exactly. exclude_minion leaves this minion out.',
      ].join('\n'),
      args: { tgt: param.any(), fun: param.any(), tgt_type: param.text('glob'), exclude_minion: param.boolean(false) },
      async run(context: BuiltinContext, { tgt, fun, tgt_type: type, exclude_minion: exclude }) {
        if (context.agent.masterless) return getLocally(context, { tgt, fun, type })
        const found = await context.agent.master.request({ cmd: '_mine_get', id: context.minionId, tgt, fun, tgt_type: type })
        if (!isMap(found)) throw new CommandExecutionError('The master could not read the mine; its log tells why.')
        if (!exclude) return found
        return new Map(entries(found).filter(([id]) => id !== context.minionId))
      },
    }),
    delete: defineFunction({
      doc: 'Removes one name of this minion from the mine. Returns True when the master did.',
      args: { fun: param.text() },
      run: (context: BuiltinContext, { fun }) => (context.agent.masterless ? deleteLocally(context, fun) : tellMaster(context, { cmd: '_mine_delete', fun })),
    }),
    flush: defineFunction({
      doc: 'Removes all of this minion from the mine. Returns True when the master did.',
      run: (context: BuiltinContext) => (context.agent.masterless ? storeLocally(context, {}, true) : tellMaster(context, { cmd: '_mine_flush' })),
    }),
    valid: defineFunction({
      doc: 'Returns the entries of mine_functions whose function is available, with their arguments; None when there are none.',
      async run(context: BuiltinContext) {
        const functions = configured(context)
        if (functions === undefined) return null
        const valid = Object.create(null) as ValueObject
        for (const [alias, definition] of Object.entries(functions)) {
          const entry = readEntry(alias, definition)
          if (!(await isAvailable(context, entry.fun))) continue
          const call: Value[] = [...entry.args, ...Object.entries(entry.kwargs).map(([name, value]) => ({ [name]: value }))]
          valid[alias] = entry.named ? { [entry.fun]: call } : definition
        }
        return valid
      },
    }),
  },
})
