/** What `brine outbox` shows to people: lines with ages and sizes, as wide as the terminal. */
import { formatDuration, formatSize } from '../../config/units.ts'
import type { DeliveryRow, DestinationBooks, OutboxStatus } from '../outbox/port.ts'
import { shownDestination } from './destination-column.ts'
import { cutTo, formatTable, printable } from './table.ts'

export type DeliveryView = DeliveryRow
export type StatusView = Omit<OutboxStatus, 'destinations'> & { destinations: Omit<DestinationBooks, 'spec'>[] }
export interface ShownView {
  returnId: number | null
  acceptedAt: number | null
  deliveries: DeliveryView[]
  return: Record<string, unknown>
}

/** The most recent gaps that a status shows. */
const SHOWN_GAPS = 5

/** The books of every destination, the store's size and its gaps. `now` is wall-clock milliseconds. */
export function renderStatus(status: StatusView, now: number, width: number): string[] {
  const lines = [
    `store      ${status.path}`,
    `size       ${formatSize(status.diskBytes)} of ${formatSize(status.limitBytes)}, ${status.returns} returns, ${status.rememberedJids} jids remembered`,
  ]
  if (status.unfinishedJobs > 0) lines.push(`unfinished ${status.unfinishedJobs} jobs`)
  if (status.unavailable !== null) lines.push(`CANNOT BE WRITTEN: ${printable(status.unavailable)}`)
  lines.push('', ...renderBooks(status.destinations, now, width))
  // Where nothing waits and nothing is dead, the error is over.
  for (const { name, lastError, queued, dead } of status.destinations) {
    if (lastError !== null && queued + dead > 0) lines.push(cutTo(`${printable(shownDestination(name))}: ${printable(lastError)}`, width))
  }
  if (status.gaps.length > 0) lines.push('', ...renderGaps(status, now, width))
  return lines
}

function renderBooks(destinations: StatusView['destinations'], now: number, width: number): string[] {
  if (destinations.length === 0) return ['no destination yet']
  const number = (title: string, value: (row: StatusView['destinations'][number]) => number) => ({
    title,
    align: 'right' as const,
    value: (row: StatusView['destinations'][number]) => String(value(row)),
  })
  return formatTable(destinations, [
    { title: 'DESTINATION', value: (row) => shownDestination(row.name), shrinks: true },
    number('ACCEPTED', (row) => row.accepted),
    number('DELIVERED', (row) => row.delivered),
    number('QUEUED', (row) => row.queued),
    number('DEAD', (row) => row.dead),
    number('GONE', (row) => row.dropped + row.purged + row.lost),
    { title: 'SIZE', align: 'right', value: (row) => formatSize(row.queuedBytes + row.deadBytes) },
    { title: 'OLDEST', align: 'right', value: (row) => age(row.oldestQueuedAt, now) },
  ], width)
}

function renderGaps({ gaps }: StatusView, now: number, width: number): string[] {
  const shown = gaps.toSorted((a, b) => b.at - a.at).slice(0, SHOWN_GAPS)
  const lines = formatTable(shown, [
    { title: 'GAP', value: (gap) => shownDestination(gap.destination), shrinks: true },
    { title: 'COUNT', align: 'right', value: (gap) => String(gap.count) },
    { title: 'AGE', align: 'right', value: (gap) => age(gap.at, now) },
    { title: 'REASON', value: (gap) => gap.reason, shrinks: true },
  ], width)
  return gaps.length > shown.length ? [...lines, `and ${gaps.length - shown.length} more: --json shows all`] : lines
}

/** The first `limit` deliveries, one a line; more than that are only told of. */
export function renderList(found: DeliveryView[], limit: number, now: number, width: number): string[] {
  if (found.length === 0) return ['nothing matches']
  const rows = found.slice(0, limit)
  const lines = formatTable(rows, [
    { title: 'RETURN', align: 'right', value: (row) => String(row.returnId) },
    { title: 'STATE', value: (row) => row.state },
    { title: 'AGE', align: 'right', value: (row) => age(row.acceptedAt, now) },
    { title: 'SIZE', align: 'right', value: (row) => formatSize(row.bytes) },
    { title: 'TRIES', align: 'right', value: (row) => String(row.attempts) },
    { title: 'DESTINATION', value: (row) => shownDestination(row.destination), shrinks: true },
    { title: 'FUNCTION', value: (row) => row.fun, shrinks: true },
    { title: 'ERROR', value: (row) => row.lastError ?? '', shrinks: true },
  ], width)
  return found.length > limit ? [...lines, `and more: these are the first ${limit}, --limit shows others`] : lines
}

/** Returns whole, each with the state of its deliveries. */
export function renderShown(found: ShownView[], now: number): string[] {
  return found.flatMap((item) => {
    const head = item.returnId === null ? ['delivered, kept for questions'] : [`return ${item.returnId}, accepted ${age(item.acceptedAt, now)} ago`]
    const deliveries = item.deliveries.map((row) => {
      const due = row.dueAt === null || row.dueAt <= now ? 'due now' : `due in ${formatDuration(row.dueAt - now)}`
      const state = row.state === 'dead' ? `dead for ${age(row.deadAt, now)}` : due
      return `  ${printable(row.destination)}: ${state}, ${row.attempts} ${row.attempts === 1 ? 'try' : 'tries'}${row.lastError === null ? '' : `, ${printable(row.lastError)}`}`
    })
    return [...head, ...deliveries, ...JSON.stringify(item.return, null, 2).split('\n'), '']
  })
}

function age(at: number | null, now: number): string {
  return at === null ? '-' : formatDuration(Math.max(0, now - at))
}
