import { decode, encode } from '../wire/msgpack.ts'
import { get } from '../wire/value.ts'
import type { DestinationRef } from '../outbox/port.ts'

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
