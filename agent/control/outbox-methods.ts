/**
 * The operator's commands on an outbox, as control methods: the same ones serve the running agent's socket and the command line
 * that opened the store itself.
 */
import { z } from 'zod'
import type { DeliveryFilter, DestinationRef, Outbox } from '../outbox/port.ts'
import { ControlError } from './protocol.ts'
import type { ControlMethods } from './server.ts'

export interface OutboxMethodsSettings {
  outbox: Outbox
  /** A stored body as the JSON-safe map of its return. Throws when it is damaged. */
  describe: (body: Uint8Array) => object
  /** A destination that has had nothing yet, by its name; undefined when there is none. */
  destinationOf?: (name: string) => DestinationRef | undefined
  /** Called after a retry, with the destination that it was for; undefined for all. */
  onRetry?: (destination: string | undefined) => void
}

const filterSchema = z.strictObject({
  destination: z.string().optional(),
  state: z.enum(['queued', 'dead']).optional(),
  jid: z.string().optional(),
  fun: z.string().optional(),
  before: z.number().optional(),
  after: z.number().optional(),
  limit: z.int().min(1).max(10_000).optional(),
  afterId: z.int().min(0).optional(),
})
const showSchema = z.union([
  z.strictObject({ returnId: z.int().min(1), values: z.boolean() }),
  z.strictObject({ jid: z.string(), values: z.boolean() }),
])
const changeSchema = z.strictObject({ filter: filterSchema, to: z.string().optional() })

/** One page of an export stops after this many rows or bytes of bodies, whichever comes first. */
const EXPORT_ROWS = 200
const EXPORT_BYTES = 8 * 1024 * 1024

/** `outbox.status|list|show|retry|purge|export`. Parameters are checked; nothing is in the results that JSON cannot hold. */
export function createOutboxMethods({ outbox, describe, destinationOf, onRetry }: OutboxMethodsSettings): ControlMethods {
  const destination = (name: string): DestinationRef => findDestination(outbox, name) ?? destinationOf?.(name) ?? unknownDestination(outbox, name)
  // "Nothing matches" would be the answer to a misspelt name, too.
  const named = (filter: DeliveryFilter): DeliveryFilter =>
    filter.destination === undefined ? filter : { ...filter, destination: destination(filter.destination).name }

  return {
    async 'outbox.status'() {
      const status = outbox.status()
      return { ...status, destinations: status.destinations.map(({ spec: _spec, ...books }) => books) }
    },
    async 'outbox.list'(params) {
      return outbox.list(named(parseFilter(params)))
    },
    async 'outbox.show'(params) {
      const wanted = parse(showSchema, params)
      const found = 'returnId' in wanted ? findById(outbox, [wanted.returnId]) : findByJid(outbox, wanted.jid)
      return found.map(({ body, ...rest }) => {
        const ret = describe(body)
        return { ...rest, return: wanted.values ? ret : maskReturn(ret) }
      })
    },
    async 'outbox.retry'(params) {
      const { filter, to } = parse(changeSchema, params)
      const target = to === undefined ? undefined : destination(to)
      const wanted = named(present(filter))
      const retried = await outbox.retry(wanted, target)
      onRetry?.(target?.name ?? wanted.destination)
      return { count: retried }
    },
    async 'outbox.purge'(params) {
      const { filter } = parse(changeSchema.omit({ to: true }), params)
      return { count: await outbox.purge(named(present(filter))) }
    },
    async 'outbox.export'(params) {
      return exportPage(outbox, describe, named(parseFilter(params)))
    },
  }
}

/** One page: rows with their returns, and after which delivery id the next begins (null at the end). */
function exportPage(outbox: Outbox, describe: OutboxMethodsSettings['describe'], filter: DeliveryFilter): object {
  const wanted = Math.min(filter.limit ?? EXPORT_ROWS, EXPORT_ROWS)
  const rows = outbox.list({ ...filter, limit: wanted })
  const items: object[] = []
  let bytes = 0
  for (const row of rows) {
    const stored = outbox.show(row.returnId)
    items.push({ ...row, return: stored === null ? null : describe(stored.body) })
    bytes += stored?.body.byteLength ?? 0
    if (bytes >= EXPORT_BYTES) return { items, next: row.deliveryId }
  }
  return { items, next: rows.length < wanted ? null : (rows.at(-1)?.deliveryId ?? null) }
}

type Stored = { returnId: number | null } & Omit<NonNullable<ReturnType<Outbox['show']>>, 'acceptedAt'> & { acceptedAt: number | null }

function findById(outbox: Outbox, returnIds: Iterable<number>): Stored[] {
  return [...returnIds].flatMap((returnId) => {
    const stored = outbox.show(returnId)
    return stored === null ? [] : [{ returnId, ...stored }]
  })
}

function findByJid(outbox: Outbox, jid: string): Stored[] {
  const found = findById(outbox, new Set(outbox.list({ jid }).map((row) => row.returnId)))
  if (found.length > 0) return found
  const body = outbox.findReturn(jid)
  return body === null ? [] : [{ returnId: null, body, acceptedAt: null, deliveries: [] }]
}

/** By its name; a master also by the beginning of it, `master` or `master:d2:57…`, where no other begins so. */
function findDestination(outbox: Outbox, name: string): DestinationRef | undefined {
  const { destinations } = outbox.status()
  const beginning = name.replace(/…$/, '')
  const masters = destinations.filter((books) => books.kind === 'master' && beginning.startsWith('master') && books.name.startsWith(beginning))
  const found = destinations.find((books) => books.name === name) ?? (masters.length === 1 ? masters[0] : undefined)
  return found && { name: found.name, kind: found.kind, spec: found.spec }
}

function unknownDestination(outbox: Outbox, name: string): never {
  const known = outbox.status().destinations
  throw new ControlError('UNKNOWN_DESTINATION', `there is no destination ${name}; known are ${known.map((books) => books.name).join(', ') || 'none'}`)
}

/** What a function was given and what it gave may hold secrets: the shape stays, every value in them becomes `***`. */
function maskReturn(ret: object): object {
  return Object.fromEntries(
    Object.entries(ret).map(([key, value]) => [key, key === 'return' || key === 'fun_args' || key === 'metadata' ? maskValues(value) : value]),
  )
}

function maskValues(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(maskValues)
  if (typeof value !== 'object' || value === null) return value === null || typeof value === 'boolean' ? value : '***'
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, maskValues(item)]))
}

function parseFilter(params: unknown): DeliveryFilter {
  return present(parse(filterSchema, params ?? {}))
}

/** Without the keys that are undefined. */
function present(filter: z.output<typeof filterSchema>): DeliveryFilter {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined))
}

function parse<Schema extends z.ZodType>(schema: Schema, params: unknown): z.output<Schema> {
  const parsed = schema.safeParse(params)
  if (parsed.success) return parsed.data
  const words = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'parameters'}: ${issue.message}`)
  throw new ControlError('BAD_PARAMS', words.join('; '))
}
