/** What the running agent tells about itself. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LoadedConfig } from '../../config/load.ts'
import type { AgentStatus } from '../control/status.ts'
import type { Delivery } from '../delivery/delivery.ts'
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
  const lanes = new Map(delivery.status().lanes.map((lane) => [lane.destination, lane]))
  return {
    id: config.id,
    version: packageVersion(),
    pid: process.pid,
    uptimeMs,
    masters: links.map(({ master, link }) => ({
      master,
      state: link.state,
      fingerprint: link.fingerprint ?? null,
      lastError: link.state === 'connected' ? null : (link.detail ?? null),
    })),
    lanes: store.destinations.map((books) => {
      const lane = lanes.get(books.name)
      return {
        destination: books.name,
        state: lane?.state ?? 'idle',
        accepted: books.accepted,
        delivered: books.delivered,
        queued: books.queued,
        dead: books.dead,
        inFlight: lane?.inFlight ?? 0,
        oldestQueuedAt: books.oldestQueuedAt,
        nextAttemptAt: lane?.nextAttemptAt ?? null,
        lastError: lane?.lastError ?? null,
      }
    }),
    jobs: { ...jobs.counts(), unfinished: store.unfinishedJobs },
    store: { diskBytes: store.diskBytes, limitBytes: store.limitBytes },
    storeUnavailable: store.unavailable,
  }
}

/** The version in package.json. */
export function packageVersion(): string {
  const text: unknown = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'))
  return (text as { version: string }).version
}
