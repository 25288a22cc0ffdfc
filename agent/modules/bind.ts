import { pythonStr } from '../matchers/python-text.ts'
import { entries, Float, get, isMap, isObject } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import { ArgumentError } from './contract.ts'
import type { ExtraArguments, ParamKind } from './contract.ts'
import type { FunctionDescription, ParamDescription } from './description.ts'

/** Arguments as a call gives them: positional ones, and keywords. */
export interface CallArguments {
  args: Value[]
  kwargs: ValueObject
}

/** Arguments as a function takes them. */
export interface BoundArguments extends ExtraArguments {
  named: ValueObject
}

/**
 * Binds a call to a declaration as Python binds one (positional, then keywords, then defaults) and converts each value
 * to its declared kind.
 *
 * @throws ArgumentError with Python's words for a missing, doubled or surplus argument, and ours for a value that cannot be converted.
 */
export function bindArguments(description: FunctionDescription, call: CallArguments): BoundArguments {
  const { params, rest } = description
  if (call.args.length > params.length && rest === null) throw tooMany(description, call.args.length)
  const named = Object.create(null) as ValueObject
  const missing: string[] = []
  params.forEach((declared, at) => {
    const positional = at < call.args.length
    const keyword = get(call.kwargs, declared.name)
    if (positional && keyword !== undefined) {
      throw new ArgumentError(`${description.name}() got multiple values for argument '${declared.name}'`)
    }
    const given = positional ? call.args[at] : keyword
    if (given === undefined && declared.required) missing.push(declared.name)
    named[declared.name] = given === undefined ? declared.fallback : convert(description, declared, given)
  })
  if (missing.length > 0) throw notGiven(description, missing)
  return { named, rest: call.args.slice(params.length), kwargs: surplus(description, call.kwargs) }
}

function surplus(description: FunctionDescription, kwargs: ValueObject): ValueObject {
  const others = Object.create(null) as ValueObject
  for (const [name, value] of Object.entries(kwargs)) {
    if (description.params.some((declared) => declared.name === name)) continue
    if (description.kwargs === null) throw new ArgumentError(`${description.name}() got an unexpected keyword argument '${name}'`)
    others[name] = value
  }
  return others
}

function tooMany(description: FunctionDescription, given: number): ArgumentError {
  const most = description.params.length
  const least = description.params.filter((declared) => declared.required).length
  const takes = least === most ? `${most}` : `from ${least} to ${most}`
  return new ArgumentError(
    `${description.name}() takes ${takes} positional argument${most === 1 && least === most ? '' : 's'} but ${given} ${given === 1 ? 'was' : 'were'} given`,
  )
}

function notGiven(description: FunctionDescription, missing: string[]): ArgumentError {
  const quoted = missing.map((name) => `'${name}'`)
  const last = quoted.at(-1) ?? ''
  const list = quoted.length < 2 ? last : quoted.length === 2 ? quoted.join(' and ') : `${quoted.slice(0, -1).join(', ')}, and ${last}`
  return new ArgumentError(
    `${description.name}() missing ${missing.length} required positional argument${missing.length === 1 ? '' : 's'}: ${list}`,
  )
}

function convert(description: FunctionDescription, declared: ParamDescription, value: Value): Value {
  if (value === null && !declared.required && declared.fallback === null) return null
  const converted = converters[declared.kind](value)
  if (converted !== undefined) return converted
  throw new ArgumentError(
    `${description.name}() argument '${declared.name}' must be ${kindNames[declared.kind]}, not ${pythonStr(value).slice(0, 100)}`,
  )
}

const kindNames: Readonly<Record<ParamKind, string>> = {
  any: 'a value',
  text: 'a text',
  integer: 'an integer',
  number: 'a number',
  boolean: 'True or False',
  list: 'a list',
  map: 'a map',
}

/** Each gives undefined for what cannot be had. */
const converters: Readonly<Record<ParamKind, (value: Value) => Value | undefined>> = {
  any: (value) => value,
  text: toText,
  integer: toInteger,
  number: toNumber,
  boolean: toBoolean,
  list: toList,
  map: toMap,
}

function toText(value: Value): string | undefined {
  if (value === null || Array.isArray(value) || isMap(value)) return undefined
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8')
  return pythonStr(value)
}

function toNumber(value: Value): number | undefined {
  if (typeof value === 'boolean') return Number(value)
  const number = value instanceof Float ? value.value : typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined
}

function toInteger(value: Value): number | undefined {
  if (typeof value === 'string' && !/^\s*[-+]?[0-9]+\s*$/.test(value)) return undefined
  const number = toNumber(value)
  const whole = number === undefined ? undefined : Math.trunc(number)
  return Number.isSafeInteger(whole) ? whole : undefined
}

function toBoolean(value: Value): boolean | undefined {
  if (typeof value === 'string') {
    if (/^(?:true|yes|on|1)$/i.test(value)) return true
    return /^(?:false|no|off|0|none|)$/i.test(value) ? false : undefined
  }
  if (value === null) return false
  const number = toNumber(value)
  return number === undefined ? undefined : number !== 0
}

/** A text is split at commas, as Salt's split_input does; another single value becomes a list of it. */
function toList(value: Value): Value[] | undefined {
  if (Array.isArray(value)) return value
  if (typeof value === 'string') return value.split(',').map((item) => item.trim())
  return value === null || isMap(value) ? undefined : [value]
}

/** A list of one-key maps, as they are written in states, is put together. */
function toMap(value: Value): Value | undefined {
  if (isMap(value)) return value
  if (!Array.isArray(value) || !value.every((item) => isObject(item) && entries(item).length === 1)) return undefined
  return Object.assign(Object.create(null) as ValueObject, ...value) as ValueObject
}
