import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import { createClaims } from './claims.ts'
import { createCommits, type Commits } from './commits.ts'
import { connect, type Connection } from './connection.ts'
import type { readFacts } from './database.ts'
import { faultOf } from './faults.ts'
import { createListeners, type Listeners } from './listeners.ts'
import { purgeMatching, retryMatching, statusOf } from './operator.ts'
import { REASON } from './gaps.ts'
import type { NewReturn, Outbox } from './port.ts'
import type { Memory, Session } from './session.ts'
import { largestReturn, resolveLimits, storePaths, type OutboxSettings } from './settings.ts'
import { startUpkeep } from './upkeep.ts'
import { createUptime } from './uptime.ts'

/** What the outbox gets from outside. */
export interface OutboxParts {
  clock: Clock
  log: Logger
  /** Asks a connection what is in force; for tests of the refusal. */
  readFacts?: typeof readFacts
}

/** At start a set-aside delivery waits at most this long: the cap of the backoff. */
const defaultDueCapMs = 60_000

/** What a change adds beside the bodies, in bytes, about: rows and index entries. */
const rowBytes = 200

/**
 * Opens the store in a directory, making it when there is none, and locks it to this process. A disk that cannot be
 * written now does not fail this: the outbox is unavailable then, and says when it no longer is.
 * @throws OutboxLockedError (rejects) when another process has it; OutboxRefusedError when SQLite does not give what the
 * promises need, or the store is a newer program's.
 */
export function openOutbox(settings: OutboxSettings, parts: OutboxParts): Promise<Outbox> {
  return new Promise((resolve) => resolve(open(settings, parts)))
}

function open(settings: OutboxSettings, parts: OutboxParts): Outbox {
  const { clock, log } = parts
  const paths = storePaths(settings.directory)
  const limits = resolveLimits(settings)
  const uptime = createUptime(clock)
  const memory: Memory = { claims: createClaims(), uptime, lastReturnId: 0, wall: () => clock.now() }
  const listeners = createListeners(log)
  const connection = connect({
    ...parts, paths, limits, memory,
    dueCapMs: settings.dueCapMs ?? defaultDueCapMs,
    replaceDamaged: settings.damaged !== 'refuse',
    onAvailability: listeners.tellAvailability,
    onGaps: listeners.tellGaps,
  })
  const commits = createCommits({
    session: connection.sessionForChange,
    fault: connection.fault,
    committed(gaps) {
      listeners.tellGaps(gaps)
      listeners.flushQueued()
      upkeep.touched()
    },
  })
  const upkeep = startUpkeep({
    clock, paths, commits,
    session: () => sessionOf(connection),
    fault: connection.fault,
    uptime: uptime.now,
  })
  const reading = createReading(connection)
  const store: Store = { memory, commits, connection, listeners, reading }
  return {
    ...jobsOf(store),
    ...deliveriesOf(store),
    ...lookupsOf(store),
    fits: (bytes) => bytes <= largestReturn(limits),
    status() {
      const told = (session?: Session) => statusOf(session, paths, limits, connection.unavailable())
      return reading(told, null) ?? told()
    },
    retry: (filter, to) => retryMatching(commits, { filter, to, claims: memory.claims }, listeners.queued),
    purge: (filter) => purgeMatching(commits, filter),
    onQueued: listeners.onQueued,
    onGap: listeners.onGap,
    onAvailability(listener) {
      listeners.onAvailability(listener, connection.unavailable())
    },
    async close() {
      upkeep.stop()
      if (sessionOf(connection) !== undefined) await commits.submit({ bytes: 0, run: (session) => session.saveUptime() }).catch(() => {})
      await commits.drained()
      connection.close()
    },
  }
}

interface Store {
  memory: Memory
  commits: Commits
  connection: Connection
  listeners: Listeners
  reading: Reading
}

function jobsOf({ memory, commits, reading }: Store): Pick<Outbox, 'receive' | 'start' | 'unfinished' | 'forget'> {
  return {
    receive: (job) =>
      commits.submit({
        bytes: job.load.byteLength + rowBytes,
        run: (session) => session.jobs.receive(job, memory.wall(), memory.uptime.now()),
      }),
    start: (key, process) =>
      commits.submit({ bytes: rowBytes, run: (session) => session.jobs.start(key, process, memory.wall()) }),
    unfinished: () => reading((session) => session.jobs.unfinished(), []),
    async forget(keptForMs) {
      const uptime = memory.uptime.now()
      while (await commits.submit({ bytes: 0, run: (session) => session.kept.expire(uptime, keptForMs) }));
    },
  }
}

type DeliveryMethods = 'queuedCount' | 'accept' | 'claim' | 'settle' | 'release' | 'lastReturnId' | 'nextDue' | 'queuedDestinations'

function deliveriesOf(store: Store): Pick<Outbox, DeliveryMethods> {
  const { memory, commits, listeners, reading } = store
  const { claims, uptime } = memory
  return {
    accept: (ret) =>
      commits.submit({
        bytes: ret.body.byteLength + rowBytes * (1 + ret.destinations.length),
        run: (session) => accept(session, memory, ret),
        committed: () => listeners.queued(ret.destinations.map((ref) => ref.name)),
      }),
    claim: (request) =>
      reading((session) => session.claimer.claim(request, uptime.fromWall(request.now), (id, claimed) => condemn(store, id, claimed)), []),
    settle: (outcomes) =>
      commits.submit({
        bytes: rowBytes * outcomes.length,
        run(session) {
          const context = { wall: memory.wall(), uptime: uptime.now(), due: uptime.fromWall }
          for (const outcome of outcomes) session.deliveries.settle(outcome, context)
        },
        committed() {
          for (const { deliveryId } of outcomes) claims.remove(deliveryId)
        },
      }),
    release(deliveryIds) {
      for (const id of deliveryIds) claims.remove(id)
    },
    lastReturnId: () => memory.lastReturnId,
    queuedCount: (destination) => reading((session) => session.books.find(destination)?.queued ?? 0, 0),
    nextDue: (destination) =>
      reading((session) => {
        const due = session.claimer.nextDue(destination)
        return due === null ? null : uptime.toWall(due)
      }, null),
    queuedDestinations: () =>
      reading((session) => {
        const queued = session.books.all().filter((ledger) => ledger.queued > 0)
        return queued.map(({ name, kind, spec }) => ({ name, kind, spec }))
      }, []),
  }
}

function lookupsOf(store: Store): Pick<Outbox, 'isQueued' | 'list' | 'show' | 'findReturn'> {
  const { reading } = store
  const read = (session: Session, id: number) => {
    const stored = session.returns.read(id)
    if (stored !== 'damaged') return stored
    condemn(store, id)
    return null
  }
  return {
    isQueued: (jid, destination) =>
      reading((session) => {
        const ledger = session.books.find(destination)
        return ledger !== undefined && session.listing.isQueued(jid, ledger.id)
      }, false),
    list: (filter) => reading((session) => session.listing.list(filter)),
    show: (returnId) =>
      reading((session) => {
        const stored = session.returns.jidOf(returnId) === undefined ? null : read(session, returnId)
        if (stored === null) return null
        const { body, acceptedAt } = stored
        return { body, acceptedAt, deliveries: session.listing.ofReturn(returnId), views: session.listing.views(returnId) }
      }),
    findReturn: (jid) =>
      reading((session) => {
        const id = session.returns.newestId(jid)
        return id === undefined ? null : (read(session, id)?.body ?? null)
      }, null),
  }
}

/** Stores a return, its deliveries and the end of its job. */
function accept(session: Session, memory: Memory, ret: NewReturn): number {
  memory.lastReturnId += 1
  const id = memory.lastReturnId
  session.deliveries.accept(id, ret, memory.wall(), memory.uptime.now())
  if (ret.job !== undefined) session.jobs.finish(ret.job)
  if (session.bounds.neverFits(ret.body.byteLength)) session.deliveries.discardReturn(id, 'dropped', REASON.size)
  return id
}

/**
 * Counts the deliveries of a return that is damaged as lost. Who found it in the way of others (`claimed`) is told to look
 * again when it is gone; when that cannot be written, the connection tells of the failure, and the next read finds it again.
 */
function condemn({ commits, memory, listeners }: Store, returnId: number, claimed?: number): void {
  commits
    .submit({
      bytes: 0,
      run(session) {
        session.deliveries.discardReturn(returnId, 'lost', REASON.record)
        return session.books.all().filter(({ queued }) => queued > 0)
      },
      committed: (waiting) => listeners.queued(waiting.map(({ name }) => name)),
    })
    .catch(() => {})
    .finally(() => claimed !== undefined && memory.claims.remove(claimed))
}

/** Reads; while the store is unavailable gives `otherwise`, or throws `StoreUnavailableError` when there is no such answer. */
type Reading = <T, Otherwise = T>(read: (session: Session) => T, otherwise?: Otherwise) => T | Otherwise

function createReading(connection: Connection): Reading {
  return (read, ...otherwise) => {
    try {
      return read(connection.session())
    } catch (error) {
      const isOurs = connection.unavailable() === null && faultOf(error) === 'operation'
      const told = isOurs ? error : connection.fault(error)
      if (isOurs || otherwise[0] === undefined) throw told
      return otherwise[0]
    }
  }
}

function sessionOf(connection: Connection): Session | undefined {
  return connection.unavailable() === null ? connection.session() : undefined
}
