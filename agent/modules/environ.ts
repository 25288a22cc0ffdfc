import type { Value, ValueObject } from '../wire/value.ts'
import { entries, isMap } from '../wire/value.ts'
import { isTruthy, pythonStr } from '../matchers/python-text.ts'
import { defineFunction, defineModule, InvocationError, param } from './contract.ts'
import type { BuiltinContext } from './services.ts'

/** A variable; undefined when there is none, or the name is no text. */
function variable({ agent }: BuiltinContext, key: Value): string | undefined {
  return typeof key === 'string' && Object.hasOwn(agent.environment, key) ? agent.environment[key] : undefined
}

/** What a variable would be set to: the text; None for one that is taken away; False for a value that no variable can have. */
function settled(value: Value, falseUnsets: boolean): Value {
  if (value === false) return falseUnsets ? null : ''
  return typeof value === 'string' && !value.includes('\0') ? value : false
}

function settledAll(context: BuiltinContext, environ: Value, falseUnsets: boolean, clearAll: boolean): Value {
  if (!isMap(environ)) return false
  const wanted = entries(environ).map(([name, value]) => [pythonStr(name), value] as const)
  const found = Object.create(null) as ValueObject
  const names = new Set(wanted.map(([name]) => name))
  for (const name of clearAll ? Object.keys(context.agent.environment) : []) if (!names.has(name)) found[name] = settled(false, falseUnsets)
  for (const [name, value] of wanted) {
    if (typeof value !== 'string' && value !== false) return false
    found[name] = settled(value, falseUnsets)
  }
  return found
}

function items(context: BuiltinContext, keys: Value, fallback: Value): ValueObject {
  const names = typeof keys === 'string' ? [keys] : Array.isArray(keys) ? keys : []
  const pairs = names.map((name) => [pythonStr(name), variable(context, name) ?? fallback] as const)
  return Object.assign(Object.create(null) as ValueObject, Object.fromEntries(pairs))
}

const noEffect =
  'A job of Salt has an environment of its own, which ends with it; the agent runs all jobs in one process, whose environment no job may change. ' +
  'So this says what the variable would be, and changes nothing. To run a program with a variable, use the argument env of cmd.run.'

export default defineModule<BuiltinContext>({
  name: 'environ',
  functions: {
    get: defineFunction({
      doc: "Returns a variable of the minion's environment, or the default when there is none.",
      args: { key: param.any(), default: param.any('') },
      run: (context: BuiltinContext, { key, default: fallback }) => (typeof key === 'string' ? (variable(context, key) ?? fallback) : false),
    }),
    has_value: defineFunction({
      doc: "Whether a variable is in the minion's environment; with a value, whether it has that value.",
      args: { key: param.any(), value: param.any(null as Value) },
      run: (context: BuiltinContext, { key, value }) => {
        const found = variable(context, key)
        return found !== undefined && (value === null || found === value)
      },
    }),
    item: defineFunction({
      doc: "Returns variables of the minion's environment: name → value, or the default for one that is not there.",
      args: { keys: param.any(), default: param.any('') },
      run: (context: BuiltinContext, { keys, default: fallback }) => items(context, keys, fallback),
    }),
    items: defineFunction({ doc: "Returns the minion's whole environment.", run: (context: BuiltinContext) => ({ ...context.agent.environment }) }),
    setenv: defineFunction({
      doc: `Says what variables would be set to: name → value.\n\n${noEffect}`,
      args: { environ: param.any(), false_unsets: param.any(false), clear_all: param.any(false), update_minion: param.any(false), permanent: param.any(false) },
      run: (context: BuiltinContext, { environ, false_unsets: unsets, clear_all: clear, update_minion: update }) => {
        if (isTruthy(update)) throw new InvocationError("update_minion is not supported: no job may change the agent's environment")
        return settledAll(context, environ, unsets === true, clear === true)
      },
    }),
    setval: defineFunction({
      doc: `Says what a variable would be set to.\n\n${noEffect}`,
      args: { key: param.any(), val: param.any(), false_unsets: param.any(false), permanent: param.any(false) },
      run: (_context, { key, val, false_unsets: unsets }) => (typeof key === 'string' && /^[^=\0]+$/.test(key) ? settled(val, unsets === true) : false),
    }),
  },
})
