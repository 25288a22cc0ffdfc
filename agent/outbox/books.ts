import type { Database } from 'better-sqlite3'
import type { DestinationRef, Priority } from './port.ts'
import { STATE } from './schema.ts'

/** One destination's books, and what the bounds need to know of it. Counts are deliveries, sizes bytes of their bodies. */
export interface Ledger {
  id: number
  name: string
  kind: 'master' | 'returner'
  accepted: number
  delivered: number
  queued: number
  dead: number
  dropped: number
  purged: number
  lost: number
  queuedBytes: number
  deadBytes: number
  /** Highest return id queued here, and the uptime of the last change: both survive the rows they came from. */
  newest: number
  uptime: number
  lastError: string | null
  spec: Uint8Array
  /** Deliveries here by priority, queued and dead. */
  byPriority: [number, number, number]
}

/** The counters that only grow. */
export type Ending = 'delivered' | 'dropped' | 'purged' | 'lost'

/** A delivery's row as far as the books care. */
export interface Held {
  bytes: number
  priority: Priority
  state: number
}

export interface Books {
  all(): Ledger[]
  find(name: string): Ledger | undefined
  byId(id: number): Ledger | undefined
  /** The destination's ledger, opened when it is new. Keeps the newest spec. Inside a transaction. */
  open(ref: DestinationRef): Ledger
  accept(ledger: Ledger, held: Held, returnId: number, uptime: number): void
  end(ledger: Ledger, held: Held, ending: Ending): void
  /** A queued delivery became a dead letter. */
  bury(ledger: Ledger, held: Held): void
  /** A dead letter became queued again. */
  revive(ledger: Ledger, held: Held): void
  /** The delivery belongs to another destination from now on, and so does its acceptance. */
  transfer(from: Ledger, to: Ledger, held: Held, returnId: number): void
  fail(ledger: Ledger, error: string): void
  /** Ledgers changed since the last flush. */
  changed(): Iterable<Ledger>
  /** Writes what changed. Inside the transaction that changed it. */
  flush(): void
  /** Reads everything anew: after a rollback, and at the start. */
  reload(): void
}

/** A delivery id is made of its return's and its destination's. */
export const destinationSlots = 4096

/** Destinations with books of their own; beyond, one that has nothing queued is folded into `retiredName`. */
const maxLedgers = 1024

/** The books of destinations that are long gone, together. */
export const retiredName = '(retired)'

interface LedgerRow {
  id: number
  name: string
  kind: 'master' | 'returner'
  accepted: number
  delivered: number
  queued: number
  dead: number
  dropped: number
  purged: number
  lost: number
  queued_bytes: number
  dead_bytes: number
  newest: number
  uptime: number
  last_error: string | null
  spec: Uint8Array
}

/** Reads nothing but the books: what is left to read of a damaged store. */
export function readLedgers(database: Database): Ledger[] {
  return database.prepare<[], LedgerRow>('SELECT * FROM destinations ORDER BY id').all().map(toLedger)
}

/** The books over one connection: in memory, written through with absolute values at the end of each transaction. */
export function createBooks(database: Database): Books {
  const insert = database.prepare<[number, string, string, Uint8Array]>(
    `INSERT INTO destinations VALUES (?, ?, ?, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, ?)`,
  )
  const updateSpec = database.prepare<[string, Uint8Array, number]>('UPDATE destinations SET kind = ?, spec = ? WHERE id = ?')
  const remove = database.prepare<[number]>('DELETE FROM destinations WHERE id = ?')
  const update = database.prepare<(number | string | null)[]>(
    `UPDATE destinations SET accepted = ?, delivered = ?, queued = ?, dead = ?, dropped = ?, purged = ?, lost = ?,
     queued_bytes = ?, dead_bytes = ?, newest = ?, uptime = ?, last_error = ? WHERE id = ?`,
  )
  const countHeld = database.prepare<[], { destination_id: number; priority: Priority; count: number }>(
    'SELECT destination_id, priority, count(*) AS count FROM deliveries GROUP BY 1, 2',
  )
  const ledgers = new Map<number, Ledger>()
  const byName = new Map<string, Ledger>()
  const dirty = new Set<Ledger>()

  function adopt(ledger: Ledger): Ledger {
    ledgers.set(ledger.id, ledger)
    byName.set(ledger.name, ledger)
    return ledger
  }

  function create(ref: DestinationRef): Ledger {
    if (ledgers.size >= maxLedgers && ref.name !== retiredName) retire()
    const id = freeId(ledgers)
    insert.run(id, ref.name, ref.kind, ref.spec)
    return adopt({
      id, name: ref.name, kind: ref.kind, spec: ref.spec, lastError: null, newest: 0, uptime: 0, queuedBytes: 0, deadBytes: 0,
      accepted: 0, delivered: 0, queued: 0, dead: 0, dropped: 0, purged: 0, lost: 0, byPriority: [0, 0, 0],
    })
  }

  /** Folds the destination that was idle longest into the retired ones, so that the books still balance as a whole. */
  function retire(): void {
    const idle = [...ledgers.values()].filter((ledger) => ledger.queued + ledger.dead === 0 && ledger.name !== retiredName)
    const oldest = idle.toSorted((a, b) => a.uptime - b.uptime)[0]
    if (oldest === undefined) throw new RangeError(`more than ${maxLedgers} destinations have something queued`)
    const retired = byName.get(retiredName) ?? create({ name: retiredName, kind: 'returner', spec: new Uint8Array() })
    for (const field of ['accepted', 'delivered', 'dropped', 'purged', 'lost'] as const) retired[field] += oldest[field]
    retired.newest = Math.max(retired.newest, oldest.newest)
    dirty.add(retired)
    remove.run(oldest.id)
    ledgers.delete(oldest.id)
    byName.delete(oldest.name)
    dirty.delete(oldest)
  }

  function add(ledger: Ledger, held: Held, sign: 1 | -1): void {
    if (held.state === STATE.dead) {
      ledger.dead += sign
      ledger.deadBytes += sign * held.bytes
    } else {
      ledger.queued += sign
      ledger.queuedBytes += sign * held.bytes
    }
    ledger.byPriority[held.priority] += sign
    dirty.add(ledger)
  }

  return {
    all: () => [...ledgers.values()],
    find: (name) => byName.get(name),
    byId: (id) => ledgers.get(id),
    changed: () => dirty,
    open(ref) {
      const known = byName.get(ref.name)
      if (known === undefined) return create(ref)
      if (known.kind !== ref.kind || (known.spec !== ref.spec && Buffer.compare(known.spec, ref.spec) !== 0)) {
        updateSpec.run(ref.kind, ref.spec, known.id)
        known.kind = ref.kind
        known.spec = ref.spec
      }
      return known
    },
    accept(ledger, held, returnId, uptime) {
      ledger.accepted += 1
      ledger.newest = Math.max(ledger.newest, returnId)
      ledger.uptime = Math.max(ledger.uptime, uptime)
      add(ledger, held, 1)
    },
    end(ledger, held, ending) {
      ledger[ending] += 1
      if (ending === 'delivered') ledger.lastError = null
      add(ledger, held, -1)
    },
    bury(ledger, held) {
      add(ledger, held, -1)
      add(ledger, { ...held, state: STATE.dead }, 1)
    },
    revive(ledger, held) {
      add(ledger, held, -1)
      add(ledger, { ...held, state: STATE.ready }, 1)
    },
    transfer(from, to, held, returnId) {
      from.accepted -= 1
      add(from, held, -1)
      to.accepted += 1
      to.newest = Math.max(to.newest, returnId)
      add(to, { ...held, state: STATE.ready }, 1)
    },
    fail(ledger, error) {
      ledger.lastError = error
      dirty.add(ledger)
    },
    flush() {
      for (const l of dirty) {
        update.run(
          l.accepted, l.delivered, l.queued, l.dead, l.dropped, l.purged, l.lost,
          l.queuedBytes, l.deadBytes, l.newest, l.uptime, l.lastError, l.id,
        )
      }
      dirty.clear()
    },
    reload() {
      ledgers.clear()
      byName.clear()
      dirty.clear()
      for (const ledger of readLedgers(database)) adopt(ledger)
      for (const { destination_id: id, priority, count } of countHeld.all()) {
        const ledger = ledgers.get(id)
        if (ledger !== undefined) ledger.byPriority[priority] = count
      }
    },
  }
}

/** One destination whose books do not say what the rows say. */
export interface Imbalance {
  ledger: Ledger
  /** What the rows hold. */
  actual: { queued: number; dead: number; queuedBytes: number; deadBytes: number }
  /** accepted − delivered − queued − dead − dropped − purged − lost, by the rows. */
  missing: number
}

/** Compares the books with the rows: empty when every destination balances. Reads all deliveries' rows, not the bodies. */
export function verifyBooks(database: Database, books: Books): Imbalance[] {
  const rows = database
    .prepare<[], { destination_id: number; dead: number; count: number; bytes: number }>(
      `SELECT destination_id, state = ${STATE.dead} AS dead, count(*) AS count, sum(bytes) AS bytes FROM deliveries GROUP BY 1, 2`,
    )
    .all()
  return books.all().flatMap((ledger) => {
    const actual = { queued: 0, dead: 0, queuedBytes: 0, deadBytes: 0 }
    for (const row of rows) {
      if (row.destination_id !== ledger.id) continue
      actual[row.dead === 1 ? 'dead' : 'queued'] = row.count
      actual[row.dead === 1 ? 'deadBytes' : 'queuedBytes'] = row.bytes
    }
    const missing =
      ledger.accepted - ledger.delivered - actual.queued - actual.dead - ledger.dropped - ledger.purged - ledger.lost
    const agrees =
      missing === 0 && actual.queued === ledger.queued && actual.dead === ledger.dead &&
      actual.queuedBytes === ledger.queuedBytes && actual.deadBytes === ledger.deadBytes
    return agrees ? [] : [{ ledger, actual, missing }]
  })
}

/**
 * Makes the books say what the rows say, counting what is missing as lost. Only damage can make this necessary.
 * Inside a transaction; the caller flushes. Returns how many each destination lost.
 */
export function correctBooks(database: Database, books: Books): { name: string; count: number }[] {
  return verifyBooks(database, books).map(({ ledger, actual, missing }) => {
    Object.assign(ledger, actual)
    if (missing > 0) ledger.lost += missing
    else ledger.accepted -= missing
    books.fail(ledger, 'the store was damaged')
    return { name: ledger.name, count: Math.max(0, missing) }
  })
}

function toLedger(row: LedgerRow): Ledger {
  const { queued_bytes: queuedBytes, dead_bytes: deadBytes, last_error: lastError, ...rest } = row
  return { ...rest, queuedBytes, deadBytes, lastError, byPriority: [0, 0, 0] }
}

function freeId(ledgers: ReadonlyMap<number, Ledger>): number {
  let id = 1
  while (ledgers.has(id)) id += 1
  if (id >= destinationSlots) throw new RangeError(`no room for another destination beside ${ledgers.size}`)
  return id
}
