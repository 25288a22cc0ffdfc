/**
 * The delivery of returns: where they go (route), the one way in (intake), and a lane per destination that brings what the
 * outbox holds to where it belongs.
 */
import type { Clock } from '../clock.ts'
import type { Link } from '../link/port.ts'
import type { Logger } from '../log.ts'
import type { DestinationRef, Outbox } from '../outbox/port.ts'
import { createAlarms } from './alarms.ts'
import type { Alarm } from './alarms.ts'
import type { SendLimits } from './bounded-send.ts'
import { masterDestination, masterDestinationName, masterOf } from './destination-name.ts'
import { DEFAULT_DRAIN } from './drain-rate.ts'
import type { DrainSettings } from './drain-rate.ts'
import { createFilters } from './filtered.ts'
import type { FilteredReport } from './filtered.ts'
import { createIntake } from './intake.ts'
import { createLane } from './lane.ts'
import { createLanes } from './lanes.ts'
import type { LaneReport } from './lanes.ts'
import { createMasterDestination } from './master-destination.ts'
import type { Destination, ReturnIntake, ReturnerCatalogue, VolatileAnswers } from './port.ts'
import { DEFAULT_RETRY } from './retry-policy.ts'
import type { RetrySettings } from './retry-policy.ts'
import { createTakeOver } from './take-over.ts'
import { DEFAULT_ANSWERS, createVolatileAnswers } from './volatile.ts'
import type { AnswerReport, AnswerSettings } from './volatile.ts'
import { createVolatileReturns } from './volatile-returns.ts'
import type { VolatileReport } from './volatile-returns.ts'

export interface DeliverySettings {
  /** True when no master gets anything. */
  masterless: boolean
  /** Returners that get every result: the options `ext_job_cache` and `return`. */
  alwaysOn: string[]
  /** The returners that the name `multi_returner` stands for. */
  multiReturner?: readonly string[]
  retry?: Partial<RetrySettings>
  drain?: Partial<DrainSettings>
  /** Deadlines of a send to a master and to a returner. */
  masterSend?: Partial<SendLimits>
  returnerSend?: Partial<SendLimits>
  answers?: Partial<AnswerSettings>
  /** Destinations at a time; default 64. */
  maxDestinations?: number
  /** How long finding out about a returner may hold up a job, milliseconds; default 10 s. */
  resolveMs?: number
  /** Most bytes of returns in one send; default 1 MiB. */
  maxBatchBytes?: number
  /** Most bytes under way to one destination; default 8 MiB. */
  maxInFlightBytes?: number
  /** How long a master's returns wait for it until another connected one takes them, milliseconds; 0, the default: for ever. */
  otherMasterAfterMs?: number
  /** Most bytes of returns held in memory while the store cannot be written; default 8 MiB. */
  maxVolatileBytes?: number
}

export interface DeliveryDeps {
  outbox: Outbox
  catalogue: ReturnerCatalogue
  /**
   * The connection to a master (master-id.ts); undefined when none is configured that it could mean. `address`: how it was configured when
   * the newest return was queued for it.
   */
  linkFor: (master: string, address?: string) => Link | undefined
  /** A master that is connected now; undefined while none is. */
  connectedMaster?: () => string | undefined
  /** How a master is configured. */
  addressOf?: (master: string) => string | undefined
  clock: Clock
  logger: Logger
  /** Called on every change that an operator should know of; to be told to the log and the master. */
  onAlarm: (alarm: Alarm) => void
}

export interface DeliveryStatus {
  lanes: LaneReport[]
  volatile: VolatileReport
  /** Returns of masters that stayed away, taken over by others since the agent started. */
  takenOver: number
  answers: AnswerReport
  /** What the filters of returners left out since the agent started. */
  filtered: FilteredReport[]
}

export interface Delivery {
  readonly intake: ReturnIntake
  readonly answers: VolatileAnswers
  /** Makes lanes for what is queued and begins to send. */
  start(): void
  /** Sends nothing more, waits at most `graceMs` for what is under way, gives back the rest. */
  stop(graceMs: number): Promise<void>
  status(): DeliveryStatus
  /** A master published a jid again: its queued return is due now. */
  wake(jid: string, master: string): Promise<void>
  /** A master's link is connected: what is queued for it, under whatever name, is tried now. */
  masterConnected(master: string): void
  /** Whether returns wait for the master of this link. */
  isOwed(link: Link): boolean
  /** Tries a destination now, by name. */
  retryNow(destination: string): void
  /** Opens all destinations anew, with today's options; also those that were paused. */
  refresh(): void
}

const MASTER_SEND: SendLimits = { deadlineMs: 60_000, perMebibyteMs: 16_000, graceMs: 5000 }
const RETURNER_SEND: SendLimits = { deadlineMs: 30_000, perMebibyteMs: 16_000, graceMs: 5000 }

/** Joins the parts of this room. Nothing is sent before `start`. */
export function createDelivery(settings: DeliverySettings, deps: DeliveryDeps): Delivery {
  const { outbox, catalogue, linkFor, clock, logger } = deps
  const retry = { ...DEFAULT_RETRY, ...settings.retry }
  const drain = { ...DEFAULT_DRAIN, ...settings.drain }
  const masterSend = { ...MASTER_SEND, ...settings.masterSend }
  const returnerSend = { ...RETURNER_SEND, ...settings.returnerSend }
  const alarms = createAlarms(clock, deps.onAlarm)
  const answers = createVolatileAnswers({ ...DEFAULT_ANSWERS, ...settings.answers }, { linkFor, clock, logger })
  const volatile = createVolatileReturns(
    { retry, send: masterSend, maxBytes: settings.maxVolatileBytes ?? 8 * 2 ** 20, maxInFlight: 8 },
    { outbox, linkFor, clock, logger, alarms },
  )

  function linkOf(ref: DestinationRef): Link | undefined {
    const { master, address } = masterOf(ref)
    return linkFor(master, address)
  }

  function open(ref: DestinationRef): Destination {
    if (ref.kind === 'returner') return catalogue.open(ref)
    if (linkOf(ref) === undefined) throw new Error('no configured master has this key')
    return createMasterDestination({ name: ref.name, limits: masterSend }, () => linkOf(ref))
  }

  const lanes = createLanes(settings.maxDestinations ?? 64, {
    outbox,
    clock,
    logger,
    alarms,
    createLane: (ref) => {
      const laneSettings = {
        retry,
        drain,
        send: ref.kind === 'master' ? masterSend : returnerSend,
        maxBatchBytes: settings.maxBatchBytes ?? 2 ** 20,
        maxInFlightBytes: settings.maxInFlightBytes ?? 8 * 2 ** 20,
      }
      return createLane(ref, laneSettings, { outbox, clock, logger, alarms, open })
    },
  })

  const filters = createFilters(catalogue, logger)
  const takeOver = createTakeOver(settings.otherMasterAfterMs ?? 0, {
    outbox, clock, logger, alarms, linkOf,
    connected() {
      const master = deps.connectedMaster?.()
      return master === undefined ? undefined : masterDestination(master, deps.addressOf?.(master))
    },
  })

  const intake = createIntake(
    { masterless: settings.masterless, alwaysOn: settings.alwaysOn, multiReturner: settings.multiReturner ?? [], resolveMs: settings.resolveMs ?? 10_000 },
    { outbox, catalogue, clock, logger, volatile, filters, admit: lanes.admit, addressOf: deps.addressOf ?? (() => undefined) },
  )

  return {
    intake,
    answers,
    start() {
      outbox.onQueued(lanes.queued)
      outbox.onAvailability((unavailable) => {
        if (unavailable !== null) return
        volatile.storeAvailable()
        lanes.start()
      })
      lanes.start()
      takeOver.start()
    },
    async stop(graceMs) {
      takeOver.stop()
      answers.stop()
      await lanes.stop(graceMs)
      await volatile.stop()
      alarms.stop()
    },
    status: () => ({ lanes: lanes.report(), volatile: volatile.report(), takenOver: takeOver.moved, answers: answers.report(), filtered: filters.report() }),
    async wake(jid, master) {
      const destination = masterDestinationName(master)
      try {
        if (!outbox.isQueued(jid, destination)) return
        await outbox.retry({ destination, jid, state: 'queued' })
        lanes.nudge(destination)
      } catch (error) {
        logger.warn({ err: error, jid }, 'a queued return could not be woken')
      }
    },
    masterConnected(master) {
      const link = linkFor(master)
      answers.wake(master)
      volatile.wake(master)
      lanes.nudgeWhere((ref) => ref.kind === 'master' && linkOf(ref) === link)
    },
    isOwed: (link) => outbox.queuedDestinations().some((ref) => ref.kind === 'master' && linkOf(ref) === link),
    retryNow: lanes.nudge,
    refresh: lanes.reopenAll,
  }
}
