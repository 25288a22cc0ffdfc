/** What a master is sent for a stored return: Salt's `_return` load, made to fit the connection. */
import { encode } from '../wire/msgpack.ts'
import { entries, isMap } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'

/** Version of the rules below; kept with each delivery to a master. */
export const MASTER_VIEW_VERSION = 2

/** Salt's order of the load (minion.py `_return_pub`); what it does not know follows. The channel adds nonce, ts and tok. */
const ORDER = ['id', 'success', 'return', 'retcode', 'jid', 'fun', 'fun_args', 'user', 'master_id', 'metadata', 'out']

const NO_CACHE = 'nocache'

/** Room for the fields that the channel adds, bytes. */
const CHANNEL_BYTES = 1024

/** A field of a summary may have this many bytes; a larger one is left out. */
const SUMMARY_FIELD_BYTES = 4096

export interface LoadOptions {
  /** Largest load that the link carries, bytes. */
  maxRequestBytes: number
  /** Whether the whole return stays in the outbox, where `saltutil.find_cached_job` finds it. */
  kept: boolean
}

/** The load, or why there is none: not even its summary fits. */
export type LoadResult = { load: ValueObject } | { tooLarge: string }

/**
 * The `_return` load of a return. When it is larger than the connection carries, a valid summary takes its place: same jid, id,
 * fun, retcode and success, marked by `summary`, and a `return` that says how large the whole is and where to find it.
 *
 * @param bytes the encoded size of the return when it is known, to spare encoding what certainly fits
 */
export function masterLoad(ret: ValueObject, options: LoadOptions, bytes?: number): LoadResult {
  const load = ordered(ret)
  const room = options.maxRequestBytes - CHANNEL_BYTES
  // The wire writes texts of 32 to 255 bytes with one byte more than the disk: three per cent at most.
  if (bytes !== undefined && bytes * 1.04 <= room) return { load }
  const wireBytes = encode(load).length
  if (wireBytes <= room) return { load }
  const summary = ordered(summarise(ret, wireBytes, options))
  if (encode(summary).length <= room) return { load: summary }
  return { tooLarge: `a return of ${wireBytes} bytes and even its summary exceed the ${options.maxRequestBytes} bytes of a request` }
}

function ordered(ret: ValueObject): ValueObject {
  const load: ValueObject = { cmd: '_return' }
  for (const key of ORDER) {
    const value = ret[key]
    if (value !== undefined) load[key] = value
  }
  for (const [key, value] of Object.entries(ret)) {
    if (!Object.hasOwn(load, key)) define(load, key, value)
  }
  // A scheduled job with `return_job: nocache`: this word in place of the job id tells a master to keep nothing.
  if (load.nocache === true) {
    delete load.nocache
    load.jid = NO_CACHE
  }
  return load
}

/** The valid, marked stand-in for a return that is too large. */
export function summarise(ret: ValueObject, wireBytes: number, options: LoadOptions): ValueObject {
  const text = summaryText(ret, wireBytes, options)
  const summary: ValueObject = { return: textInShape(ret, text) }
  for (const [key, value] of Object.entries(ret)) {
    // `out` names a display for the whole return, which a text does not suit.
    if (key === 'return' || key === 'out') continue
    const essential = key === 'jid' || key === 'id' || key === 'fun' || key === 'retcode' || key === 'success'
    if (essential || encode(value).length <= SUMMARY_FIELD_BYTES) define(summary, key, value)
  }
  summary.fun_args ??= []
  summary.summary = { bytes: wireBytes, limit: options.maxRequestBytes }
  return summary
}

function summaryText(ret: ValueObject, wireBytes: number, { maxRequestBytes, kept }: LoadOptions): string {
  const size = `This return is ${wireBytes} bytes long, more than the ${maxRequestBytes} bytes that can be sent to the master.`
  const jid = typeof ret.jid === 'string' ? ret.jid : 'JID'
  return kept
    ? `${size} The minion keeps the whole: run "brine outbox show ${jid} --values" there, or saltutil.find_cached_job ${jid} with --return.`
    : `${size} The minion could not store it either.`
}

/** A multi-function job returns one value per function, by name or in order; its summary does too. */
function textInShape(ret: ValueObject, text: string): Value {
  const { fun, return: value } = ret
  if (!Array.isArray(fun)) return text
  if (Array.isArray(value)) return value.map(() => text)
  if (!isMap(value)) return text
  const shaped: ValueObject = {}
  for (const [key] of entries(value)) define(shaped, typeof key === 'string' ? key : 'return', text)
  return shaped
}

/** Sets an own property, also for a key like `__proto__`. */
function define(target: ValueObject, key: string, value: Value): void {
  Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true })
}
