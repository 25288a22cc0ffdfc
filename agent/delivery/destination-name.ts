import { createHash } from 'node:crypto'
import { decode, encode } from '../wire/msgpack.ts'
import { get } from '../wire/value.ts'
import type { DestinationRef } from '../outbox/port.ts'

/**
 * The name of a returner's destination: `returner[@ret_config][#hash of ret_kwargs]`. Equal options in another order give
 * the same name.
 */
export function returnerDestinationName(
  returner: string,
  request: { retConfig?: string; retKwargs?: Record<string, unknown> } = {},
): string {
  const config = request.retConfig === undefined || request.retConfig === '' ? '' : `@${request.retConfig}`
  const kwargs = request.retKwargs ?? {}
  const hash = Object.keys(kwargs).length === 0 ? '' : `#${shortHash(kwargs)}`
  return `${returner}${config}${hash}`
}

/** The destination of the master whose pinned key has this fingerprint. */
export function masterDestination(fingerprint: string): DestinationRef {
  return { name: masterDestinationName(fingerprint), kind: 'master', spec: encode({ fingerprint }, { bin: true }) }
}

/** The name of a master's destination: `master:<fingerprint>`. */
export function masterDestinationName(fingerprint: string): string {
  return `master:${fingerprint}`
}

/** The fingerprint in a master destination's spec. @throws when the spec is not a master's */
export function masterFingerprint(ref: DestinationRef): string {
  const fingerprint = get(decode(ref.spec), 'fingerprint')
  if (typeof fingerprint !== 'string') throw new Error(`destination ${ref.name} names no master key`)
  return fingerprint
}

/** Eight hex digits over the options with sorted keys. */
function shortHash(kwargs: Record<string, unknown>): string {
  const canonical = encode(sorted(kwargs), { bin: true })
  return createHash('sha256').update(canonical).digest('hex').slice(0, 8)
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== null && prototype !== Object.prototype) return value
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : Number(a > b)))
  return new Map(members.map(([key, member]) => [key, sorted(member)]))
}
