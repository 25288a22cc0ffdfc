import type { Ledger } from './books.ts'
import type { Claims } from './claims.ts'
import type { Commits } from './commits.ts'
import type { Deliveries, DeliveryKey } from './deliveries.ts'
import { REASON } from './gaps.ts'
import type { DeliveryFilter, DeliveryRow, DestinationBooks, DestinationRef, OutboxStatus } from './port.ts'
import type { Session } from './session.ts'
import { fileBytes, type OutboxLimits, type StorePaths } from './settings.ts'

/** Gap records in a status. */
const statusGaps = 100

/** Deliveries changed per commit by a command, so that a large one holds nothing up. */
const stepRows = 500

/** Changes every matching delivery, a step per commit; `change` says whether it counts. Resolves with how many did. */
async function changeMatching(
  commits: Commits,
  filter: DeliveryFilter,
  change: (deliveries: Deliveries, key: DeliveryKey, row: DeliveryRow) => boolean,
  committed: (rows: DeliveryRow[]) => void,
): Promise<number> {
  let remaining = filter.limit ?? Infinity
  let afterId = filter.afterId ?? 0
  let changed = 0
  while (remaining > 0) {
    const limit = Math.min(stepRows, remaining)
    const page: Omit<DeliveryFilter, 'limit'> = { ...filter, afterId }
    const { rows, count } = await commits.submit({
      bytes: 0,
      run(session) {
        const found = session.listing.list({ ...page, limit })
        const counted = found.filter((row) => {
          const ledger = session.books.find(row.destination)
          return ledger !== undefined && change(session.deliveries, { returnId: row.returnId, ledger }, row)
        })
        return { rows: found, count: counted.length }
      },
      committed: (result) => committed(result.rows),
    })
    changed += count
    remaining -= rows.length
    afterId = rows.at(-1)?.deliveryId ?? afterId
    if (rows.length < limit) break
  }
  return changed
}

/** `Outbox.retry`; `queued` learns after each commit which destinations have something to send. */
export function retryMatching(
  commits: Commits,
  { filter, to, claims }: { filter: DeliveryFilter; to: DestinationRef | undefined; claims: Claims },
  queued: (destinations: string[]) => void,
): Promise<number> {
  return changeMatching(
    commits,
    filter,
    (deliveries, key, row) => {
      // Looked at inside the commit: a lane may have taken it meanwhile.
      if (filter.unclaimed === true && claims.has(row.deliveryId)) return false
      if (to === undefined) return deliveries.revive(key)
      // What was just moved there may come up again in the next step.
      return row.destination !== to.name && deliveries.move(key, to)
    },
    (rows) => queued(to === undefined ? rows.map((row) => row.destination) : [to.name]),
  )
}

/** `Outbox.purge`. */
export function purgeMatching(commits: Commits, filter: DeliveryFilter): Promise<number> {
  return changeMatching(
    commits,
    filter,
    (deliveries, key) => {
      const held = deliveries.find(key)
      if (held !== undefined) deliveries.discard(key, held, 'purged', REASON.purged)
      return held !== undefined
    },
    () => {},
  )
}

/** `Outbox.status`; what needs the database is empty while there is none. */
export function statusOf(
  session: Session | undefined,
  paths: StorePaths,
  limits: OutboxLimits,
  unavailable: string | null,
): OutboxStatus {
  return {
    path: paths.database,
    diskBytes: fileBytes(paths.database) + fileBytes(paths.wal),
    limitBytes: limits.totalBytes,
    returns: session?.returns.count() ?? 0,
    unfinishedJobs: session?.jobs.unfinishedCount() ?? 0,
    rememberedJids: session?.jobs.remembered() ?? 0,
    destinations: session === undefined ? [] : session.books.all().map((ledger) => booksOf(session, ledger)),
    gaps: session?.gaps.recent(statusGaps) ?? [],
    unavailable,
  }
}

function booksOf(session: Session, ledger: Ledger): DestinationBooks {
  const { name, kind, accepted, delivered, queued, dead, dropped, purged, lost, queuedBytes, deadBytes, lastError, spec } = ledger
  const oldestQueuedAt = queued === 0 ? null : session.listing.oldestQueuedAt(ledger.id)
  return {
    name, kind, accepted, delivered, queued, dead, dropped, purged, lost, queuedBytes, deadBytes, oldestQueuedAt, lastError, spec,
  }
}
