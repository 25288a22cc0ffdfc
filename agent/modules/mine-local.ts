/** The mine of a minion without a master: its own, in its datastore (modules/mine.py with `file_client: local`). */
import { isTargeted } from '../matchers/match.ts'
import { type Value, type ValueObject, get, isObject } from '../wire/value.ts'
import type { BuiltinContext } from './services.ts'

const key = 'mine_cache'

function stored({ agent }: BuiltinContext): ValueObject {
  const found = agent.datastore.get(key)
  return isObject(found) ? found : {}
}

/** Adds to what is there, or with `clear` replaces it. */
export function storeLocally(context: BuiltinContext, data: ValueObject, clear: boolean): true {
  context.agent.datastore.update(key, clear ? data : { ...stored(context), ...data })
  return true
}

/** Removes one name. */
export function deleteLocally(context: BuiltinContext, fun: string): true {
  return storeLocally(context, Object.fromEntries(Object.entries(stored(context)).filter(([name]) => name !== fun)), true)
}

/** id → value when the target is this minion; of several functions function → id → value. Who may read it does not matter here. */
export function getLocally(context: BuiltinContext, { tgt, fun, type }: { tgt: Value; fun: Value; type: string }): ValueObject {
  const { minionId: id, grains, pillar, agent } = context
  const nodegroups = agent.options['nodegroups']
  if (!isTargeted({ tgt, type }, { id, grains, pillar, nodegroups: isObject(nodegroups) ? nodegroups : {} })) return {}
  const names = typeof fun === 'string' ? [...new Set(fun.split(','))] : Array.isArray(fun) ? fun.filter((name) => typeof name === 'string') : []
  const store = stored(context)
  const found = names.filter((name) => Object.hasOwn(store, name)).map((name): [string, Value] => [name, plain(store[name] ?? null)])
  if (typeof fun === 'string' && names.length === 1) return Object.fromEntries(found.map(([, value]) => [id, value]))
  return Object.fromEntries(found.map(([name, value]) => [name, { [id]: value }]))
}

/** The value without its access rule. */
function plain(value: Value): Value {
  return get(value, '__saltmine_acl__') === undefined ? value : (get(value, '__data__') ?? null)
}
