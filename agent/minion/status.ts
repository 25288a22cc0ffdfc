/** What the running agent tells about itself. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LoadedConfig } from '../../config/load.ts'
import type { AgentStatus } from '../control/status.ts'
import type { Delivery } from '../delivery/delivery.ts'
import type { FilteredReport } from '../delivery/filtered.ts'
import { packageRoot } from '../entry-points.ts'
import type { Jobs } from '../jobs/jobs.ts'
import type { MasterLink } from './masters.ts'
import type { Outbox } from '../outbox/port.ts'

interface StatusParts {
  config: LoadedConfig['config']
  outbox: Outbox
  delivery: Delivery
  jobs: Jobs
  links: MasterLink[]
  uptimeMs: number
}

/** The agent's state as `brine status` shows it: the lanes with the outbox's books. */
export function statusOf({ config, outbox, delivery, jobs, links, uptimeMs }: StatusParts): AgentStatus {
  const store = outbox.status()
  const { lanes: reports, filtered } = delivery.status()
  const lanes = new Map(reports.map((lane) => [lane.destination, lane]))
  const leftOut = new Map(filtered.map((one) => [one.destination, one]))
  // A destination whose filter left everything out has no books.
  const books = [...store.destinations, ...filtered.filter(({ destination }) => store.destinations.every(({ name }) => name !== destination)).map(noBooks)]
  return {
    id: config.id,
    version: packageVersion(),
    pid: process.pid,
    uptimeMs,
    masters: links.map(({ master, link }) => ({
      master,
      // Of masters that stand in for one another only one is connected.
      state: link.state === 'stopped' && config.master_type !== 'str' ? 'standby' : link.state,
      fingerprint: link.fingerprint ?? null,
      lastError: link.state === 'connected' ? null : (link.detail ?? null),
    })),
    lanes: books.map((book) => {
      const lane = lanes.get(book.name)
      return {
        destination: book.name,
        state: lane?.state ?? 'idle',
        accepted: book.accepted,
        delivered: book.delivered,
        queued: book.queued,
        dead: book.dead,
        inFlight: lane?.inFlight ?? 0,
        ...filteredOf(leftOut.get(book.name)),
        oldestQueuedAt: book.oldestQueuedAt,
        nextAttemptAt: lane?.nextAttemptAt ?? null,
        lastError: lane?.lastError ?? null,
      }
    }),
    jobs: { ...jobs.counts(), unfinished: store.unfinishedJobs },
    store: { diskBytes: store.diskBytes, limitBytes: store.limitBytes },
    storeUnavailable: store.unavailable,
  }
}

function filteredOf(report: FilteredReport | undefined): Pick<AgentStatus['lanes'][number], 'filtered'> {
  return report === undefined ? {} : { filtered: { count: report.count, last: report.last } }
}

function noBooks({ destination }: { destination: string }) {
  return { name: destination, accepted: 0, delivered: 0, queued: 0, dead: 0, oldestQueuedAt: null }
}

/** The version in package.json. */
export function packageVersion(): string {
  const text: unknown = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'))
  return (text as { version: string }).version
}
