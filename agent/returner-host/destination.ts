import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Destination } from '../delivery/port.ts'
import type { ClaimedDelivery, DestinationRef } from '../outbox/port.ts'
import { toJsonValue } from '../wire/json.ts'
import type { Value } from '../wire/value.ts'
import { sendResultOf } from './failure.ts'
import type { OptionsRequest } from './prepare.ts'
import type { WireItem } from './protocol.ts'
import type { Runner } from './runner.ts'

/** What a queued destination remembers of the job that asked for it. */
export interface ReturnerSpec extends OptionsRequest {
  returner: string
}

const specSchema = z.object({
  returner: z.string(),
  retConfig: z.string().optional(),
  retKwargs: z.record(z.string(), z.unknown()).optional(),
})

/** `ret_config` becomes part of names and messages, and comes from whoever publishes. */
const retConfigPattern = /^[A-Za-z0-9_.-]{1,64}$/
const maxKwargsBytes = 64 * 1024
/** A longer key is replaced by its hash: jids come from the master, and stores have limits. */
const maxKeyLength = 250

/**
 * The destination a request means: `returner[@ret_config][#hash of ret_kwargs]`.
 *
 * @returns why not, when ret_config or ret_kwargs cannot be used.
 */
export function destinationRef(returner: string, request: OptionsRequest): { ref: DestinationRef; spec: ReturnerSpec } | { error: string } {
  const spec: ReturnerSpec = { returner }
  let name = returner
  if (request.retConfig !== undefined && request.retConfig !== '') {
    if (!retConfigPattern.test(request.retConfig)) return { error: 'ret_config must be letters, digits, ".", "_" and "-", at most 64' }
    spec.retConfig = request.retConfig
    name += `@${request.retConfig}`
  }
  if (request.retKwargs !== undefined && Object.keys(request.retKwargs).length > 0) {
    const kwargs = sorted(toJsonValue(request.retKwargs as Value)) as Record<string, unknown>
    const text = JSON.stringify(kwargs)
    if (text.length > maxKwargsBytes) return { error: 'ret_kwargs are too large' }
    spec.retKwargs = kwargs
    name += `#${createHash('sha256').update(text).digest('hex').slice(0, 12)}`
  }
  return { ref: { name, kind: 'returner', spec: Buffer.from(JSON.stringify(spec)) }, spec }
}

/** The destination that is called `returner` or `returner@ret_config`; undefined when there is no such returner, or the name has more to it. */
export function namedDestination(name: string, returners: Iterable<string>): DestinationRef | undefined {
  const [returner = '', retConfig] = name.split('@', 2)
  if (![...returners].includes(returner)) return undefined
  const target = destinationRef(returner, retConfig === undefined ? {} : { retConfig })
  return 'ref' in target && target.ref.name === name ? target.ref : undefined
}

/**
 * Reads back what `destinationRef` wrote.
 *
 * @throws Error when it is something else.
 */
export function readSpec(ref: DestinationRef): ReturnerSpec {
  const parsed = specSchema.parse(JSON.parse(Buffer.from(ref.spec).toString('utf8')))
  const spec: ReturnerSpec = { returner: parsed.returner }
  if (parsed.retConfig !== undefined) spec.retConfig = parsed.retConfig
  if (parsed.retKwargs !== undefined) spec.retKwargs = parsed.retKwargs
  return spec
}

/** The key of a delivery, the same on every attempt: (jid, minion id, destination). */
export function deliveryKey(delivery: Pick<ClaimedDelivery, 'jid' | 'minionId'>, destination: string): string {
  const key = `${delivery.jid}/${delivery.minionId}/${destination}`
  return key.length <= maxKeyLength ? key : createHash('sha256').update(key).digest('hex')
}

/** What a destination's returner and rules say of its sends. */
export interface Traits {
  maxBatch: number
  lingerMs: number
  viewVersion: number
}

/** A runner as the lanes see it. `traits` are asked for anew: some are known once the returner has been described. */
export function createDestination(name: string, runner: Runner, traits: () => Traits, onClosed: () => void): Destination {
  const prepared = new WeakMap<ClaimedDelivery[], WireItem[]>()
  const itemsOf = (batch: ClaimedDelivery[]): WireItem[] => batch.map((delivery) => ({ key: deliveryKey(delivery, name), body: delivery.body }))
  return {
    name,
    get maxBatch() {
      return traits().maxBatch
    },
    get lingerMs() {
      return traits().lingerMs
    },
    get viewVersion() {
      return traits().viewVersion
    },
    maxInFlight: 1,
    prepare(batch) {
      const items = itemsOf(batch)
      prepared.set(batch, items)
      runner.prepare?.(items)
    },
    async send(batch, signal) {
      const failure = await runner.call(prepared.get(batch) ?? itemsOf(batch), signal)
      if (failure === null) return { kind: 'delivered' }
      return sendResultOf(failure, new Map(batch.map((delivery) => [deliveryKey(delivery, name), delivery.deliveryId])))
    },
    async close() {
      await runner.stop().finally(onClosed)
    },
  }
}

/** The same value with the members of its maps in order, so that equal options have one hash. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([key, one]) => [key, sorted(one)]))
}
