/** Takes out of a return what must not leave the agent: values under keys, at paths, and what patterns find. */
import { globMatch } from '../matchers/glob.ts'
import { toJsonText } from '../wire/json.ts'
import { entries, isMap, isObject, mapOf, type Value, type ValueObject } from '../wire/value.ts'
import { REDACTABLE } from '../../config/returner-rules.ts'
import { createReplaceAll, MASK, type ReplaceAll } from './redaction-patterns.ts'

/** The rules, as they cross to a returner's process. */
export interface Redaction {
  keys: readonly string[]
  /** A path's steps: globs, `**` for any number of steps. */
  paths: readonly (readonly string[])[]
  patterns: readonly string[]
}

export type Redact = (ret: Value) => Value

/** Keys whose verdict is remembered while a redaction is in use. */
const maxRememberedKeys = 10_000

/** Stands in place of every value of a return for which the patterns took too long. */
const withheld = 'withheld: the redaction patterns took too long on this return'

/** Prepares rules for use. @throws PatternError or SyntaxError for a pattern that is none */
export function createRedact(rules: Redaction): Redact {
  const isSecretKey = keyTest(rules.keys)
  const replaceAll = rules.patterns.length === 0 ? null : createReplaceAll(rules.patterns)
  return (ret) => {
    if (!isObject(ret)) return ret
    const masked = eachField(ret, (field, value) => maskPlaces(value, advance(rules.paths.map((steps) => ({ steps, at: 0 })), field), isSecretKey))
    return replaceAll === null ? masked : maskMatches(masked, replaceAll)
  }
}

/** The fields in which something may be taken out, changed. */
function eachField(ret: ValueObject, change: (field: string, value: Value) => Value): ValueObject {
  const changed = Object.assign(Object.create(null) as ValueObject, ret)
  for (const field of REDACTABLE) {
    const value = changed[field]
    if (value !== undefined) changed[field] = change(field, value)
  }
  return changed
}

function keyTest(globs: readonly string[]): (key: string) => boolean {
  const wanted = globs.map((glob) => glob.toLowerCase())
  const verdicts = new Map<string, boolean>()
  return (key) => {
    const known = verdicts.get(key)
    if (known !== undefined) return known
    const verdict = wanted.some((glob) => globMatch(key.toLowerCase(), glob))
    if (verdicts.size < maxRememberedKeys) verdicts.set(key, verdict)
    return verdict
  }
}

/** How far along a path a place is. */
interface Progress {
  steps: readonly string[]
  at: number
}

/** The paths that go on through this key. One that is at its end means the value itself. */
function advance(progress: readonly Progress[], key: string): Progress[] {
  return progress.flatMap(({ steps, at }) => {
    const step = steps[at]
    if (step === undefined) return []
    if (step !== '**') return globMatch(key, step) ? [{ steps, at: at + 1 }] : []
    // It takes this key and stays, or stands for none and the next step takes it.
    return [{ steps, at }, ...advance([{ steps, at: at + 1 }], key)]
  })
}

function isAtEnd({ steps, at }: Progress): boolean {
  return steps.slice(at).every((step) => step === '**')
}

function maskPlaces(value: Value, progress: readonly Progress[], isSecretKey: (key: string) => boolean): Value {
  if (progress.some(isAtEnd)) return MASK
  if (Array.isArray(value)) return value.map((item, index) => maskPlaces(item, advance(progress, String(index)), isSecretKey))
  if (!isMap(value)) return value
  return mapOf(entries(value).map(([key, member]): [Value, Value] => {
    const name = typeof key === 'string' ? key : toJsonText(key)
    return [key, isSecretKey(name) ? MASK : maskPlaces(member, advance(progress, name), isSecretKey)]
  }))
}

/** Every text, keys too: the key of a state holds its command. */
function maskMatches(ret: ValueObject, replaceAll: ReplaceAll): ValueObject {
  const texts: string[] = []
  eachField(ret, (_field, value) => replaceTexts(value, (text) => {
    texts.push(text)
    return text
  }))
  const changed = replaceAll(texts)
  if (changed === null) return eachField(ret, (field) => (field === 'fun_args' ? [] : field === 'return' ? withheld : null))
  if (changed.size === 0) return ret
  let at = -1
  return eachField(ret, (_field, value) => replaceTexts(value, (text) => {
    at += 1
    return changed.get(at) ?? text
  }))
}

/** Calls back for every text in one order, and puts its answers in their places. Two keys that become one are kept apart. */
function replaceTexts(value: Value, replace: (text: string) => string): Value {
  if (typeof value === 'string') return replace(value)
  if (value instanceof Uint8Array) {
    // What is no text is looked at byte by byte: when something is found, none of it goes.
    const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1')
    return replace(text) === text ? value : MASK
  }
  if (Array.isArray(value)) return value.map((item) => replaceTexts(item, replace))
  if (!isMap(value)) return value
  const taken = new Set<Value>()
  return mapOf(entries(value).map(([key, member]): [Value, Value] => {
    let name = typeof key === 'string' ? replace(key) : key
    for (let count = 2; typeof name === 'string' && taken.has(name); count += 1) name = `${typeof key === 'string' ? MASK : ''} (${count})`
    taken.add(name)
    return [name, replaceTexts(member, replace)]
  }))
}
