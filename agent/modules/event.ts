import { isTruthy } from '../matchers/python-text.ts'
import { type Value, type ValueObject, entries, get, isMap, isObject, mapOf } from '../wire/value.ts'
import { defineFunction, defineModule, param } from './contract.ts'
import { errorText } from './error-text.ts'
import type { BuiltinContext } from './services.ts'

/**
 * Fires one event on the master's bus, in the form of a stock minion: the master's event is the whole load, its `data` inside.
 * False when no master could be told.
 */
async function fireMaster(context: BuiltinContext, data: Value, tag: string, preload: Value): Promise<boolean> {
  if (context.agent.masterless) {
    context.log.warn({ tag }, 'this minion runs without a master: the event is not sent')
    return false
  }
  const load: ValueObject = { id: context.minionId, tag, data, cmd: '_minion_event', pretag: null }
  if (isObject(preload)) Object.assign(load, preload)
  try {
    await context.agent.master.request(load)
    return true
  } catch (error) {
    context.log.warn({ tag, reason: errorText(error) }, 'an event did not get to the master')
    return false
  }
}

/** Events of the minion's own bus that Salt's minion obeys; others have no listener here. */
async function fireLocal(context: BuiltinContext, data: Value, tag: string): Promise<boolean> {
  switch (tag) {
    case 'module_refresh':
      await context.agent.refreshModules()
      return true
    case 'grains_refresh':
      await context.agent.refreshGrains()
      return true
    case 'pillar_refresh':
      await context.agent.refreshPillar()
      return true
    case 'fire_master': {
      const inner = get(data, 'tag')
      return typeof inner === 'string' && (await fireMaster(context, get(data, 'data') ?? {}, inner, null))
    }
    default:
      context.log.info({ tag }, 'an event was fired on the minion, where nobody listens for it')
      return true
  }
}

/** All of a map with True, the named members with a list, nothing otherwise. */
function wanted(which: Value, map: Readonly<Record<string, Value>>): ValueObject | undefined {
  if (!isTruthy(which)) return undefined
  if (!Array.isArray(which)) return { ...map }
  const names = new Set(which)
  return Object.fromEntries(Object.entries(map).filter(([name]) => names.has(name)))
}

export default defineModule<BuiltinContext>({
  name: 'event',
  functions: {
    send: defineFunction({
      doc: [
        "Fires an event on the master's bus. Returns True when the master took it, False when none could be told.",
        '',
        'data is a map; further name=value arguments are put into it. with_env, with_grains and with_pillar add the environment, the',
        'grains and the pillar: True for all, or a list of names. with_env_opts adds saltenv and pillarenv.',
        'Example: event.send shop/order/paid order=17',
      ].join('\n'),
      args: {
        tag: param.text(),
        data: param.any(null),
        preload: param.any(null),
        with_env: param.any(false),
        with_grains: param.any(false),
        with_pillar: param.any(false),
        with_env_opts: param.boolean(false),
      },
      kwargs: 'kwargs',
      run(context: BuiltinContext, args, { kwargs }) {
        const parts: [string, Value | undefined][] = [
          ['environ', wanted(args.with_env, context.agent.environment)],
          ['grains', wanted(args.with_grains, context.grains)],
          ['pillar', wanted(args.with_pillar, context.pillar)],
          ['saltenv', args.with_env_opts ? (context.config('saltenv') ?? 'base') : undefined],
          ['pillarenv', args.with_env_opts ? (context.config('pillarenv') ?? null) : undefined],
        ]
        const given = [...Object.entries(kwargs).filter(([name]) => !name.startsWith('__')), ...(isMap(args.data) ? entries(args.data) : [])]
        const members = parts.filter((part): part is [string, Value] => part[1] !== undefined)
        return fireMaster(context, mapOf([...new Map<Value, Value>([...members, ...given])]), args.tag, args.preload)
      },
    }),
    fire_master: defineFunction({
      doc: "Fires an event with this data on the master's bus. Returns True when the master took it, False when none could be told.",
      args: { data: param.any(), tag: param.text(), preload: param.any(null) },
      run: (context: BuiltinContext, { data, tag, preload }) => fireMaster(context, data, tag, preload),
    }),
    fire: defineFunction({
      doc: [
        'Fires an event on the minion itself. Returns True.',
        '',
        'Only these do something: module_refresh, grains_refresh, pillar_refresh, and fire_master (data: {tag, data}).',
      ].join('\n'),
      args: { data: param.any(), tag: param.text() },
      run: (context: BuiltinContext, { data, tag }) => fireLocal(context, data, tag),
    }),
  },
})
