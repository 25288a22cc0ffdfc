/** The composition root: builds the minion's parts in order, joins them, starts and stops them. Nothing else knows all of them. */
import type { LoadedConfig } from '../config/load.ts'
import { systemClock, type Clock } from './clock.ts'
import { createCallMethods } from './control/call-methods.ts'
import { createOutboxMethods } from './control/outbox-methods.ts'
import { controlSocketPath } from './control/protocol.ts'
import { createControlServer } from './control/server.ts'
import { createDelivery, type Delivery } from './delivery/delivery.ts'
import { createAlarmTeller } from './events/alarm-teller.ts'
import { keepFresh } from './grains/keep-fresh.ts'
import type { Jobs } from './jobs/jobs.ts'
import type { Link } from './link/port.ts'
import type { Logger } from './log.ts'
import { createConnecting } from './minion/connecting.ts'
import { createMinionGrains } from './minion/grains.ts'
import { createCallServer } from './minion/calls.ts'
import { createMinionJobs } from './minion/jobs.ts'
import { createLinks, joinLink } from './minion/links.ts'
import { addressOf, connectedMaster, linkTo } from './minion/masters.ts'
import { createScheduledStart } from './minion/mine.ts'
import { createReleases, type Releases } from './minion/releases.ts'
import { createMinionPillar } from './minion/pillar.ts'
import { beginSchedule, createMinionSchedule } from './minion/schedule.ts'
import { deliverySettings, hostSettings } from './minion/settings.ts'
import { statusOf } from './minion/status.ts'
import { openStoreWhenFree } from './minion/store.ts'
import { outboxSettingsOf } from './outbox-settings.ts'
import type { Outbox } from './outbox/port.ts'
import { namedDestination } from './returner-host/destination.ts'
import { createReturnerHost } from './returner-host/host.ts'
import { recordOf } from './wire/json.ts'

export interface Minion {
  /**
   * Opens the store, reports what the last life left unfinished, then connects. Resolves when the minion runs, connected or not.
   *
   * @throws Error when it cannot run: the store is refused or held by another process, a key cannot be read, the control socket is taken
   */
  start(): Promise<void>
  /** Lets running jobs finish (a second call, or `now`, ends them), accepts their returns, and closes everything. */
  stop(options?: { now?: boolean }): Promise<void>
}

/** Parts that can be given from outside: time, and a look at every call of the store and the links. */
export interface MinionParts {
  clock?: Clock
  wrapOutbox?: (outbox: Outbox) => Outbox
  wrapLink?: (link: Link) => Link
}

/** How long deliveries under way may take at a stop, milliseconds. What is not done stays in the outbox. */
const DELIVERY_GRACE_MS = 5000

/** Makes a minion; nothing happens before `start`. */
export function createMinion(loaded: LoadedConfig, log: Logger, parts: MinionParts = {}): Minion {
  let running: Promise<Running> | undefined
  let stopped: Promise<void> | undefined
  return {
    async start() {
      running ??= startMinion(loaded, log, parts)
      await running
    },
    async stop(options = {}) {
      const started = await running?.catch(() => undefined)
      if (started === undefined) return
      if (stopped !== undefined || options.now === true) started.hurry()
      stopped ??= started.stop()
      await stopped
    },
  }
}

interface Running {
  hurry(): void
  stop(): Promise<void>
}

/** Opens resources in order; what was opened is closed again, last first, when a later one fails. */
async function startMinion(loaded: LoadedConfig, log: Logger, parts: MinionParts): Promise<Running> {
  const releases = createReleases()
  try {
    return await compose(loaded, log, parts, releases)
  } catch (error) {
    await releases.all().catch((fault: unknown) => log.error({ err: fault }, 'A part could not be closed'))
    throw error
  }
}

async function compose(
  loaded: LoadedConfig,
  log: Logger,
  parts: MinionParts,
  releases: Releases,
): Promise<Running> {
  const { config } = loaded
  const clock = parts.clock ?? systemClock
  const startedAt = clock.monotonic()
  const opened = await openStoreWhenFree(outboxSettingsOf(config), { clock, log: log.child({ part: 'outbox' }), socket: controlSocketPath(config.sock_dir) })
  releases.push(() => opened.close())
  const outbox = parts.wrapOutbox?.(opened) ?? opened
  const grains = createMinionGrains(loaded, clock, log.child({ part: 'grains' }))
  await grains.refresh({ quick: true })
  const links = await createLinks(loaded, log, clock, grains, parts.wrapLink)
  const linkFor = (master: string | undefined, address?: string): Link | undefined => linkTo(links, master, address)

  const host = createReturnerHost(hostSettings(config, process.env), { clock, logger: log.child({ part: 'returners' }), config: () => loaded.raw })
  releases.push(() => host.close())
  const alarms = createAlarmTeller({ id: config.id, links: links.map(({ link }) => link), log })
  const delivery = createDelivery(deliverySettings(config), {
    outbox,
    catalogue: host.catalogue,
    linkFor,
    addressOf: (master) => addressOf(links, master),
    connectedMaster: () => connectedMaster(links, config.master_type === 'str'),
    clock,
    logger: log.child({ part: 'delivery' }),
    onAlarm: alarms.alarm,
  })
  outbox.onGap(alarms.gap)
  outbox.onAvailability(alarms.availability)

  const pillar = createMinionPillar(config, grains.current, links.map(({ link }) => link), log)
  const { schedule, control: scheduleControl } = createMinionSchedule({ loaded, log, clock, links, grains, pillar, start: (job, master) => startScheduled(job, master) })
  const jobs = createMinionJobs({
    loaded, log, clock, outbox, delivery, grains, pillar, linkFor,
    refreshReturners: async () => void (await host.refresh()),
    returners: () => host.describeAll(),
    askReturner: host.ask,
    failures: {
      grains: () => grains.failures(),
      returners: () => host.list().flatMap(({ source, error }) => (error === null ? [] : [{ file: source, error }])),
    },
    schedule: scheduleControl,
  })
  const startScheduled = createScheduledStart(config, jobs, log)
  const joined = links.map((each) => joinLink(each, { links, config, log, clock, grains, jobs, delivery, pillar }))
  const connecting = createConnecting(config, joined, { clock, log, isOwed: (link) => delivery.isOwed(link) })
  releases.push(() => connecting.stop())
  releases.push(() => delivery.stop(DELIVERY_GRACE_MS))

  const control = createControlServer({
    path: controlSocketPath(config.sock_dir),
    methods: {
      ...createOutboxMethods({
        outbox,
        describe: (body) => recordOf(body).record,
        destinationOf: (name) => namedDestination(name, host.list().map((one) => one.name)),
        // What an operator retries is tried now, also where the next attempt is an hour away.
        onRetry: (destination) => {
          const names = delivery.status().lanes.map((lane) => lane.destination)
          for (const name of names) if (destination === undefined || destination === name) delivery.retryNow(name)
        },
      }),
      ...createCallMethods(createCallServer({ jobs, delivery, pillar, linkFor })),
      ping: () => Promise.resolve(true),
      status: () => Promise.resolve(statusOf({ config, outbox, delivery, jobs, links, uptimeMs: clock.monotonic() - startedAt })),
    },
    log: log.child({ part: 'control' }),
    clock,
    // The store is open, so its lock is ours.
    mayRemoveStale: true,
  })
  await control.start()
  releases.push(() => control.stop())

  await reportInterrupted(outbox, jobs, log)
  delivery.start()
  host.describeSite().catch((error: unknown) => log.error({ err: error }, 'The returner directories could not be looked into'))
  // With a master it comes after the connect.
  if (links.length === 0) await pillar.refresh()
  beginSchedule(schedule, { loaded, links })
  const cancelStart = clock.timer(config.random_startup_delay * clock.random(), () => connecting.start())
  releases.push(keepFresh(grains, { everyMs: config.grains_refresh_every * 60_000, changed: () => void pillar.refresh() }, clock))
  log.info({ id: config.id, masters: links.map(({ master }) => master) }, links.length === 0 ? 'The minion runs without a master' : 'The minion runs')
  return {
    hurry() {
      schedule.stop()
      // The first call stops the intake if nothing did yet, the second ends what runs.
      void jobs.stop()
      void jobs.stop()
    },
    async stop() {
      cancelStart()
      schedule.stop()
      await jobs.stop()
      await untilDelivered(delivery, clock)
      await releases.all()
    },
  }
}

/**
 * Gives every job of the last life its one return. A store that cannot be read at the start is asked again when it can, before
 * anything of this life is in it.
 */
async function reportInterrupted(outbox: Outbox, jobs: Jobs, log: Logger): Promise<void> {
  const report = async () => {
    const interrupted = await jobs.reportInterrupted()
    if (interrupted > 0) log.warn({ jobs: interrupted }, 'Jobs of the last life were cut off; each gets a return that says so')
  }
  if (outbox.status().unavailable === null) return report()
  let waiting = true
  outbox.onAvailability((unavailable) => {
    if (unavailable !== null || !waiting) return
    waiting = false
    report().catch((error: unknown) => log.error({ err: error }, 'Interrupted jobs could not be reported'))
  })
}

/** Waits while healthy destinations take what the last jobs left, but not long: the outbox keeps the rest. */
async function untilDelivered(delivery: Delivery, clock: Clock): Promise<void> {
  const end = clock.monotonic() + DELIVERY_GRACE_MS
  const pending = () => delivery.status().lanes.some((lane) => lane.state === 'healthy' && lane.queued > 0)
  while (pending() && clock.monotonic() < end) {
    await new Promise<void>((resolve) => {
      clock.timer(20, resolve)
    })
  }
}
