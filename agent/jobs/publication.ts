import { get, isMap, isObject } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import type { ReturnerRequest } from '../delivery/port.ts'
import type { Target } from '../matchers/match.ts'

/** A job as a master published it, checked. */
export interface Publication {
  jid: string
  /** One function, or several of a multi-function job. */
  fun: string | string[]
  /** The arguments as they came; for a multi-function job one list per function. */
  arg: Value[]
  target: Target
  returners: ReturnerRequest
  user?: string
  masterId?: string
  metadata?: ValueObject
  /** The name of the schedule's item that started it. */
  schedule?: string
  /** True when a master is not to keep the return of a scheduled job. */
  nocache?: true
  /** `module_executors`; absent when the publication has none. */
  executors?: Value
  /** True for what this host asks of itself. Never read from the load: a master could say it, too. */
  local?: true
  /** The whole publication, for `__pub_*` and for `saltutil.running`. */
  load: ValueObject
}

/**
 * What a job id may be. Salt's are 20 digits, with `_<pid>` for unique_jid; callers may bring their own word. It becomes
 * part of rows, log lines and texts, so it is letters, digits, `_` and `-` only, and short.
 */
const jidPattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/
/** Any name has a right to be told that it is not available; it stands in rows and log lines, so it is short and on one line. */
const functionPattern = /^\P{C}{1,255}$/u
const maxFunctions = 1000

/** True for text that may be used as a job id. */
export function isJid(text: unknown): text is string {
  return typeof text === 'string' && jidPattern.test(text) && text !== 'req' && text !== 'nocache'
}

/** A publication out of a decrypted load, or why it is none. Needs `tgt`, `jid`, `fun` and `arg`, as Salt does (minion.py, _target_load). */
export function parsePublication(load: unknown): Publication | { reason: string } {
  if (!isObject(load)) return { reason: 'the load is not a map' }
  const jid = get(load, 'jid')
  if (!isJid(jid)) return { reason: 'jid is missing or malformed' }
  const arg = get(load, 'arg')
  if (!Array.isArray(arg)) return { reason: 'arg is not a list' }
  const fun = parseFunctions(get(load, 'fun'), arg)
  if (fun === undefined) return { reason: 'fun is missing or malformed' }
  const tgt = get(load, 'tgt')
  if (tgt === undefined) return { reason: 'tgt is missing' }
  const { user, masterId, metadata, schedule, executors } = optionalFields(load)
  return {
    jid,
    fun,
    arg,
    target: parseTarget(load, tgt),
    returners: parseReturners(load),
    ...(user === undefined ? {} : { user }),
    ...(masterId === undefined ? {} : { masterId }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(schedule === undefined ? {} : { schedule, ...(get(load, 'nocache') === true ? { nocache: true } : {}) }),
    ...(executors === undefined ? {} : { executors }),
    load,
  }
}

/** The function's name for rows and texts: the names of a multi-function job joined. */
export function functionLabel(fun: string | string[]): string {
  return typeof fun === 'string' ? fun : fun.join(',')
}

function parseFunctions(fun: Value | undefined, arg: Value[]): string | string[] | undefined {
  if (typeof fun === 'string') return functionPattern.test(fun) ? fun : undefined
  if (!Array.isArray(fun) || fun.length === 0 || fun.length > maxFunctions || fun.length !== arg.length) return undefined
  const names = fun.filter((name) => typeof name === 'string' && functionPattern.test(name))
  const lists = arg.every((list) => Array.isArray(list))
  return names.length === fun.length && lists ? (names as string[]) : undefined
}

function parseTarget(load: ValueObject, tgt: Value): Target {
  const type = get(load, 'tgt_type')
  const delimiter = get(load, 'delimiter')
  return {
    tgt,
    type: typeof type === 'string' ? type : type === undefined || type === null ? 'glob' : '',
    ...(typeof delimiter === 'string' ? { delimiter } : {}),
  }
}

function parseReturners(load: ValueObject): ReturnerRequest {
  const ret = get(load, 'ret')
  const names = (typeof ret === 'string' ? ret.split(',') : []).map((name) => name.trim()).filter((name) => name !== '')
  const config = get(load, 'ret_config')
  const kwargs = get(load, 'ret_kwargs')
  return {
    names: [...new Set(names)],
    ...(typeof config === 'string' && config !== '' ? { retConfig: config } : {}),
    ...(isObject(kwargs) && Object.keys(kwargs).length > 0 ? { retKwargs: kwargs } : {}),
  }
}

interface OptionalFields {
  user: string | undefined
  masterId: string | undefined
  metadata: ValueObject | undefined
  schedule: string | undefined
  executors: Value | undefined
}

function optionalFields(load: ValueObject): OptionalFields {
  const user = get(load, 'user')
  const masterId = get(load, 'master_id')
  const metadata = get(load, 'metadata')
  const schedule = get(load, 'schedule')
  return {
    user: typeof user === 'string' ? user : undefined,
    masterId: typeof masterId === 'string' ? masterId : undefined,
    metadata: isMap(metadata) ? (metadata as ValueObject) : undefined,
    schedule: typeof schedule === 'string' ? schedule : undefined,
    executors: get(load, 'module_executors'),
  }
}
