/** Whether two returns are the same, and where they are not. */
import { get, isMap, entries } from '../../../agent/wire/value.ts'
import type { Value, ValueObject } from '../../../agent/wire/value.ts'
import type { Row } from './functions/row.ts'

/** Fields of a return that both must have alike. `jid`, `id` and what the channel adds are each one's own. */
const FIELDS = ['success', 'retcode', 'out', 'fun', 'fun_args', 'user', 'metadata', 'master_id'] as const
/** What a load on the bus may carry beyond them. */
const OWN_FIELDS = new Set(['id', 'jid', 'cmd', 'return', 'ts', 'nonce', 'tok', 'sig', ...FIELDS])

/** The differences of two returns as lines, empty when there are none. */
export function differences(stock: ValueObject, ours: ValueObject, row: Row): string[] {
  const found: string[] = []
  compare('return', prepare(stock['return'] ?? null, row), prepare(ours['return'] ?? null, row), row.how ?? 'same', found)
  for (const field of FIELDS) compare(field, prepare(stock[field] ?? null, row), prepare(ours[field] ?? null, row), 'same', found)
  for (const key of Object.keys(ours)) if (!OWN_FIELDS.has(key) && get(stock, key) === undefined) found.push(`${key}: only in ours`)
  for (const key of Object.keys(stock)) if (!OWN_FIELDS.has(key) && get(ours, key) === undefined) found.push(`${key}: only in stock's`)
  return found
}

/** Without the keys that are left out; lists in order where order does not count. */
function prepare(value: Value, row: Row): Value {
  if (Array.isArray(value)) {
    const items = value.map((item) => prepare(item, row))
    return row.how === 'sorted' ? items.toSorted((a, b) => (show(a) < show(b) ? -1 : 1)) : items
  }
  if (!isMap(value)) return value
  const kept = new Map<Value, Value>()
  for (const [key, each] of entries(value)) {
    if (!row.without?.includes(nameOfKey(key))) kept.set(key, prepare(each, row))
  }
  return kept
}

function compare(path: string, stock: Value, ours: Value, how: NonNullable<Row['how']>, found: string[]): void {
  if (kind(stock) !== kind(ours)) found.push(`${path}: ${show(stock)} | ${show(ours)}`)
  else if (how === 'kind') return
  else if (stock instanceof Map && ours instanceof Map) compareMaps(path, stock, ours, how, found)
  else if (Array.isArray(stock) && Array.isArray(ours)) compareLists(path, stock, ours, how, found)
  else if (how !== 'shape' && show(stock) !== show(ours)) found.push(`${path}: ${show(stock)} | ${show(ours)}`)
}

function nameOfKey(key: Value): string {
  return typeof key === 'string' ? key : show(key)
}

function compareMaps(path: string, stock: Map<Value, Value>, ours: Map<Value, Value>, how: NonNullable<Row['how']>, found: string[]): void {
  for (const [key, value] of stock) {
    const own = ours.get(key)
    if (own === undefined) found.push(`${path}.${nameOfKey(key)}: ${show(value)} | missing`)
    else compare(`${path}.${nameOfKey(key)}`, value, own, how, found)
  }
  for (const [key, value] of ours) if (!stock.has(key)) found.push(`${path}.${nameOfKey(key)}: missing | ${show(value)}`)
}

function compareLists(path: string, stock: Value[], ours: Value[], how: NonNullable<Row['how']>, found: string[]): void {
  if (how === 'shape') {
    // How many there are may change from one moment to the next; of what kind they are may not.
    const [first, own] = [stock[0], ours[0]]
    if (first !== undefined && own !== undefined) compare(`${path}[0]`, first, own, how, found)
    return
  }
  if (stock.length !== ours.length) found.push(`${path}: ${stock.length} items ${show(stock)} | ${ours.length} items ${show(ours)}`)
  else stock.forEach((item, at) => compare(`${path}[${at}]`, item, ours[at] ?? null, how, found))
}

function kind(value: Value): string {
  if (value === null) return 'None'
  if (Array.isArray(value)) return 'list'
  if (value instanceof Map) return 'map'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'float'
  if (typeof value === 'bigint') return 'integer'
  if (typeof value !== 'object') return typeof value
  return value.constructor.name === 'Float' ? 'float' : value.constructor.name
}

/** A value as one line, kinds kept apart: 1 and 1.0, bytes and text. */
export function show(value: Value): string {
  const text = JSON.stringify(value, (_key, each: unknown) => {
    if (each instanceof Map) return Object.fromEntries([...(each as Map<Value, Value>)].map(([key, inner]) => [nameOfKey(key), inner]))
    if (typeof each === 'bigint') return `integer ${each}`
    if (each instanceof Uint8Array) return `bytes ${Buffer.from(each).toString('hex')}`
    return each
  })
  return `${typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Map) ? `${value.constructor?.name ?? ''} ` : ''}${text}`
}
