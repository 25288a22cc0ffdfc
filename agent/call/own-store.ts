/** Where the return of a call goes while no agent runs: into the store, under its lock, and from there once to where it belongs. */
import type { LoadedConfig } from '../../config/load.ts'
import type { Clock } from '../clock.ts'
import { createDelivery, type Delivery } from '../delivery/delivery.ts'
import type { ReturnerRequest, Routing } from '../delivery/port.ts'
import type { Logger } from '../log.ts'
import { deliverySettings, hostSettings } from '../minion/settings.ts'
import { addressOf, linkTo, type MasterLink } from '../minion/masters.ts'
import { outboxSettingsOf } from '../outbox-settings.ts'
import { openOutbox } from '../outbox/outbox.ts'
import type { Outbox } from '../outbox/port.ts'
import { createReturnerHost } from '../returner-host/host.ts'
import type { JobReturn } from '../wire/job-return.ts'

interface StoreParts {
  loaded: LoadedConfig
  log: Logger
  clock: Clock
  /** Connected or not. */
  links: readonly MasterLink[]
  environment: Readonly<Record<string, string | undefined>>
}

/** What became of a return beyond its acceptance, one line each, for people; empty when all of it arrived. */
export type Leftovers = string[]

export interface OwnStore {
  /** Resolves when the return is durable, and says which returners could not be had; `volatile`: why it is not durable. */
  accept(ret: JobReturn, returners: ReturnerRequest, master: string | undefined): Promise<{ errors: Record<string, string>; volatile?: string }>
  /** Tries each destination of what was accepted once, for a few seconds at most. */
  deliver(): Promise<Leftovers>
  /** Gives the store back. What was not delivered stays in it. */
  close(): Promise<void>
}

/** How long an attempt to deliver may take: the agent may want to start. Milliseconds. */
const DELIVER_MS = 5000
const GRACE_MS = 500
const POLL_MS = 20

/**
 * Opens the store.
 *
 * @throws OutboxLockedError while another process has it; OutboxRefusedError when it must not be used
 */
export async function openOwnStore({ loaded, log, clock, links, environment }: StoreParts): Promise<OwnStore> {
  const { config } = loaded
  const outbox = await openOutbox(outboxSettingsOf(config), { clock, log })
  const host = createReturnerHost(hostSettings(config, environment), { clock, logger: log, config: () => loaded.raw })
  const delivery = createDelivery(deliverySettings(config), {
    outbox,
    catalogue: host.catalogue,
    linkFor: (master, address) => linkTo(links, master, address),
    addressOf: (master) => addressOf(links, master),
    clock,
    logger: log,
    // Said once, when the attempt is over.
    onAlarm: (alarm) => log.debug({ alarm }, 'a destination has trouble'),
  })
  // Before anything is accepted: what a call adds is fresh, and does not wait behind a backlog.
  delivery.start()
  const accepted: { jid: string; routing: Routing }[] = []
  return {
    async accept(ret, returners, master) {
      const routing = await delivery.intake.route(returners, master)
      const volatile = await delivery.intake.accept(ret, routing)
      accepted.push({ jid: ret.jid, routing })
      return { errors: routing.errors, ...(volatile !== undefined && { volatile }) }
    },
    async deliver() {
      const end = clock.monotonic() + DELIVER_MS
      while (clock.monotonic() < end && accepted.some(({ jid, routing }) => isUnderWay(jid, routing, outbox, delivery))) await pause(clock)
      const errors = new Map(delivery.status().lanes.map((lane) => [lane.destination, lane.lastError]))
      return accepted.flatMap(({ jid }) => leftoversOf(jid, outbox, errors)).concat(volatileLeftovers(delivery))
    },
    async close() {
      await delivery.stop(GRACE_MS)
      await host.close()
      await outbox.close()
    },
  }
}

/** True while a destination has not answered yet: neither taken it nor failed. */
function isUnderWay(jid: string, { destinations }: Routing, outbox: Outbox, delivery: Delivery): boolean {
  const { lanes, volatile } = delivery.status()
  if (outbox.status().unavailable !== null) return volatile.held > 0
  return destinations.some(({ name }) => {
    if (!outbox.isQueued(jid, name)) return false
    const lane = lanes.find(({ destination }) => destination === name)
    return lane === undefined || (lane.lastError === null && lane.state !== 'paused')
  })
}

function leftoversOf(jid: string, outbox: Outbox, errors: ReadonlyMap<string, string | null>): Leftovers {
  if (outbox.status().unavailable !== null) return []
  return outbox.list({ jid }).map(({ destination, state, lastError }) => {
    const why = lastError ?? errors.get(destination) ?? 'no answer yet'
    if (state === 'dead') return `${destination} can never take it (${why}): kept as a dead letter`
    return `${destination} does not have it yet (${why}): the agent delivers it at its next start`
  })
}

function volatileLeftovers(delivery: Delivery): Leftovers {
  const { held, dropped } = delivery.status().volatile
  return held + dropped === 0 ? [] : ['the store cannot be written and no master took it: it is lost']
}

function pause(clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    clock.timer(POLL_MS, resolve)
  })
}
