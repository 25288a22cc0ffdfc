import type { Clock } from '../../../agent/clock.ts'
import { PRIORITY, StoreUnavailableError } from '../../../agent/outbox/port.ts'
import type {
  ClaimedDelivery,
  ClaimRequest,
  DeliveryFilter,
  DestinationBooks,
  DestinationRef,
  NewReturn,
  Outbox,
  Outcome,
} from '../../../agent/outbox/port.ts'

/** An outbox at the port, in memory, for tests of what is in front of it. Like the real one it keeps due times apart from the wall clock. */
export interface FakeOutbox extends Outbox {
  /** What happened, in order: `commit JID`, `settle KIND JID`. */
  readonly log: string[]
  /** Why nothing can be stored now; null to be well again (which tells the listeners). */
  fail(reason: string | null): void
  /** The next claim throws this. */
  breakClaim(error: Error): void
  /** Queues without a commit or a listener, as returns of an earlier run. */
  preload(destination: DestinationRef, count: number, body?: Uint8Array): void
  queued(destination: string): number
  held(destination: string): number
  books(destination: string): DestinationBooks
  outcomes(kind: Outcome['kind'], destination?: string): { jid: string; outcome: Outcome }[]
}

interface Row extends ClaimedDelivery {
  destination: string
  claimed: boolean
  /** Monotonic; null when ready. */
  due: number | null
}

export function createFakeOutbox(clock: Clock): FakeOutbox {
  const queues = new Map<string, Map<number, Row>>()
  const rows = new Map<number, Row>()
  const refs = new Map<string, DestinationRef>()
  const books = new Map<string, DestinationBooks>()
  const settled: { jid: string; destination: string; outcome: Outcome }[] = []
  const dead = new Map<number, Row>()
  const log: string[] = []
  const onQueued: ((names: string[]) => void)[] = []
  const onAvailability: ((reason: string | null) => void)[] = []
  let unavailable: string | null = null
  let claimError: Error | undefined
  let lastReturn = 0
  let lastDelivery = 0

  function booksOf(ref: { name: string; kind: DestinationRef['kind']; spec: Uint8Array }): DestinationBooks {
    const existing = books.get(ref.name)
    if (existing !== undefined) return existing
    const created: DestinationBooks = {
      ...ref, accepted: 0, delivered: 0, queued: 0, dead: 0, dropped: 0, purged: 0, lost: 0,
      queuedBytes: 0, deadBytes: 0, oldestQueuedAt: null, lastError: null,
    }
    books.set(ref.name, created)
    return created
  }

  function add(ref: DestinationRef, ret: Pick<NewReturn, 'jid' | 'minionId' | 'fun' | 'body'>): void {
    lastDelivery += 1
    const row: Row = {
      deliveryId: lastDelivery, returnId: lastReturn, jid: ret.jid, minionId: ret.minionId, fun: ret.fun, body: ret.body,
      attempts: 0, acceptedAt: clock.now(), destination: ref.name, claimed: false, due: null,
    }
    refs.set(ref.name, ref)
    const queue = queues.get(ref.name) ?? new Map<number, Row>()
    queues.set(ref.name, queue)
    queue.set(row.deliveryId, row)
    rows.set(row.deliveryId, row)
    const book = booksOf(ref)
    book.accepted += 1
    book.queued += 1
  }

  function settleOne(outcome: Outcome): void {
    const row = rows.get(outcome.deliveryId)
    if (row === undefined) throw new Error(`settled what is not queued: ${outcome.deliveryId}`)
    if (!row.claimed) throw new Error(`settled what is not claimed: ${row.jid}`)
    log.push(`settle ${outcome.kind} ${row.jid}`)
    settled.push({ jid: row.jid, destination: row.destination, outcome })
    row.claimed = false
    const book = booksOf({ name: row.destination, kind: 'returner', spec: new Uint8Array() })
    if (outcome.kind === 'retry') {
      row.attempts += 1
      row.due = outcome.dueAt === undefined ? null : clock.monotonic() + (outcome.dueAt - clock.now())
      return
    }
    rows.delete(row.deliveryId)
    queues.get(row.destination)?.delete(row.deliveryId)
    book.queued -= 1
    if (outcome.kind === 'dead') dead.set(row.deliveryId, row)
    book[outcome.kind === 'dead' ? 'dead' : 'delivered'] += 1
  }

  function claim(request: ClaimRequest): ClaimedDelivery[] {
    if (unavailable !== null) return []
    if (claimError !== undefined) {
      const error = claimError
      claimError = undefined
      throw error
    }
    const now = clock.monotonic() + (request.now - clock.now())
    const taken: ClaimedDelivery[] = []
    let bytes = 0
    for (const row of queues.get(request.destination)?.values() ?? []) {
      if (row.claimed || (row.due !== null && row.due > now)) continue
      if (request.queue === 'fresh' ? row.returnId <= request.boundary : row.returnId > request.boundary) continue
      if (taken.length >= request.limit || (taken.length > 0 && bytes + row.body.length > request.maxBytes)) break
      row.claimed = true
      bytes += row.body.length
      taken.push({ ...row })
    }
    return taken
  }

  function matches(row: Row, filter: DeliveryFilter): boolean {
    return (filter.destination === undefined || filter.destination === row.destination)
      && (filter.jid === undefined || filter.jid === row.jid)
  }

  function refuseWhenUnavailable(): void {
    if (unavailable !== null) throw new StoreUnavailableError(unavailable)
  }

  return {
    log,
    fail(reason) {
      unavailable = reason
      for (const listener of onAvailability) listener(reason)
    },
    breakClaim(error) {
      claimError = error
    },
    preload(ref, count, body = new Uint8Array(10)) {
      for (let index = 0; index < count; index += 1) {
        lastReturn += 1
        add(ref, { jid: `old-${lastReturn}`, minionId: 'm', fun: 'test.ping', body })
      }
    },
    queued: (name) => queues.get(name)?.size ?? 0,
    held: (name) => [...(queues.get(name)?.values() ?? [])].filter((row) => row.claimed).length,
    books: (name) => booksOf({ name, kind: 'returner', spec: new Uint8Array() }),
    outcomes: (kind, destination) => settled.filter((one) => {
      return one.outcome.kind === kind && (destination === undefined || one.destination === destination)
    }),
    receive: async () => 'new',
    async start() {},
    unfinished: () => [],
    async accept(ret) {
      await Promise.resolve()
      refuseWhenUnavailable()
      lastReturn += 1
      log.push(`commit ${ret.jid}`)
      for (const ref of ret.destinations) add(ref, ret)
      const id = lastReturn
      for (const listener of onQueued) listener(ret.destinations.map(({ name }) => name))
      return id
    },
    claim,
    async settle(outcomes) {
      await Promise.resolve()
      refuseWhenUnavailable()
      for (const outcome of outcomes) settleOne(outcome)
    },
    release(ids) {
      for (const id of ids) {
        const row = rows.get(id)
        if (row !== undefined) row.claimed = false
      }
    },
    lastReturnId: () => lastReturn,
    queuedCount: (name) => queues.get(name)?.size ?? 0,
    nextDue(name) {
      const dues = [...(queues.get(name)?.values() ?? [])].flatMap((row) => (row.due === null || row.claimed ? [] : [row.due]))
      return dues.length === 0 ? null : clock.now() + (Math.min(...dues) - clock.monotonic())
    },
    fits: () => true,
    isQueued: (jid, name) => [...(queues.get(name)?.values() ?? [])].some((row) => row.jid === jid),
    queuedDestinations: () => unavailable !== null ? [] : [...queues].flatMap(([name, queue]) => {
      const ref = refs.get(name)
      return queue.size === 0 || ref === undefined ? [] : [ref]
    }),
    status: () => ({
      path: '', diskBytes: 0, limitBytes: 0, returns: 0, unfinishedJobs: 0, rememberedJids: 0,
      destinations: [...books.values()], gaps: [], unavailable,
    }),
    list: () => [],
    show: () => null,
    findReturn: () => null,
    forget: () => Promise.resolve(),
    async retry(filter) {
      const found = [...rows.values()].filter((row) => matches(row, filter))
      for (const row of found) row.due = null
      return found.length
    },
    purge: async () => 0,
    onQueued: (listener) => void onQueued.push(listener),
    onGap() {},
    onAvailability: (listener) => void onAvailability.push(listener),
    async close() {},
  }
}

/** A return as the intake makes it. */
export function newReturn(jid: string, destinations: DestinationRef[], body: Uint8Array = new Uint8Array(10)): NewReturn {
  return { jid, minionId: 'm', fun: 'test.ping', success: true, priority: PRIORITY.command, body, destinations }
}

/** A returner's destination. */
export function returnerRef(name: string): DestinationRef {
  return { name, kind: 'returner', spec: new Uint8Array() }
}
