import { decode, encode } from '../wire/msgpack.ts'
import { get } from '../wire/value.ts'
import type { DestinationRef } from '../outbox/port.ts'
import { keyOfMaster } from '../master-id.ts'

const PREFIX = 'master:'

/**
 * The destination of a master (master-id.ts). `address`: how it is configured today; with it the master is found again after it got
 * another key that an operator agreed to.
 */
export function masterDestination(master: string, address?: string): DestinationRef {
  const spec = { fingerprint: keyOfMaster(master), ...(address !== undefined && { address }) }
  return { name: masterDestinationName(master), kind: 'master', spec: encode(spec, { bin: true }) }
}

/** The name of a master's destination: `master:<fingerprint>`, and `@<name>` where several masters share that key. */
export function masterDestinationName(master: string): string {
  return `${PREFIX}${master}`
}

/** Which master a destination means, and how it was configured when the newest return was queued. @throws when it is not a master's */
export function masterOf(ref: DestinationRef): { master: string; address: string | undefined } {
  if (ref.kind !== 'master' || !ref.name.startsWith(PREFIX)) throw new Error(`destination ${ref.name} names no master key`)
  const address = get(decode(ref.spec), 'address')
  return { master: ref.name.slice(PREFIX.length), address: typeof address === 'string' ? address : undefined }
}
