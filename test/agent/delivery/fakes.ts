import { createAlarms } from '../../../agent/delivery/alarms.ts'
import type { Alarm } from '../../../agent/delivery/alarms.ts'
import { createLane } from '../../../agent/delivery/lane.ts'
import type { Lane, LaneSettings } from '../../../agent/delivery/lane.ts'
import type { Destination, SendResult } from '../../../agent/delivery/port.ts'
import type { ClaimedDelivery } from '../../../agent/outbox/port.ts'
import { silentLogger } from '../../../agent/log.ts'
import type { Clock } from '../../../agent/clock.ts'
import { createFakeClock } from '../../helpers/fake-clock.ts'
import type { FakeClock } from '../../helpers/fake-clock.ts'
import { createFakeOutbox, newReturn, returnerRef } from './fake-outbox.ts'
import type { FakeOutbox } from './fake-outbox.ts'

export type Answer = SendResult | Promise<SendResult>

/** A destination whose answers a test decides. */
export interface ScriptedDestination extends Destination {
  /** Every send: when (monotonic), what, and its signal. */
  readonly sends: { at: number; jids: string[]; attempts: number[]; signal: AbortSignal }[]
  answer: (batch: ClaimedDelivery[], signal: AbortSignal) => Answer
  closed: number
  inFlight: number
  maxSeenInFlight: number
}

export function scripted(clock: Clock, options: Partial<ScriptedDestination> = {}): ScriptedDestination {
  const destination: ScriptedDestination = {
    name: 'd',
    maxBatch: 1,
    maxInFlight: 1,
    sends: [],
    closed: 0,
    inFlight: 0,
    maxSeenInFlight: 0,
    answer: () => ({ kind: 'delivered' }),
    async send(batch, signal) {
      const jids = batch.map(({ jid }) => jid)
      destination.sends.push({ at: clock.monotonic(), jids, attempts: batch.map(({ attempts }) => attempts), signal })
      destination.inFlight += 1
      destination.maxSeenInFlight = Math.max(destination.maxSeenInFlight, destination.inFlight)
      try {
        return await destination.answer(batch, signal)
      } finally {
        destination.inFlight -= 1
      }
    },
    async close() {
      destination.closed += 1
    },
    ...options,
  }
  return destination
}

/** Never answers, not even to its signal. */
export function never(): Promise<SendResult> {
  return new Promise(() => {})
}

export const refused: SendResult = { kind: 'retry', error: 'connection refused' }

export const laneSettings: LaneSettings = {
  retry: { baseMs: 1000, capMs: 60_000, slowMs: 3_600_000 },
  drain: { perSecond: 100, burst: 10 },
  send: { deadlineMs: 30_000, perMebibyteMs: 0, graceMs: 5000 },
  maxBatchBytes: 2 ** 20,
  maxInFlightBytes: 8 * 2 ** 20,
}

export interface Rig {
  clock: FakeClock
  outbox: FakeOutbox
  destination: ScriptedDestination
  lane: Lane
  alarms: Alarm[]
  /** Accepts returns for the destination. */
  accept: (...jids: string[]) => Promise<void>
}

/** One lane over the fake outbox. `preload` queues returns of an earlier run before the lane is made. */
export function rig(options: {
  destination?: Partial<ScriptedDestination>
  settings?: Partial<LaneSettings>
  random?: number | (() => number)
  preload?: number
  open?: () => Destination
} = {}): Rig {
  const clock = createFakeClock({ random: options.random ?? 0.5 })
  const outbox = createFakeOutbox(clock)
  const destination = scripted(clock, options.destination)
  const alarms: Alarm[] = []
  const ref = returnerRef('d')
  if (options.preload !== undefined) outbox.preload(ref, options.preload)
  const lane = createLane(ref, { ...laneSettings, ...options.settings }, {
    outbox,
    clock,
    logger: silentLogger,
    alarms: createAlarms(clock, (alarm) => alarms.push(alarm)),
    open: options.open ?? (() => destination),
  })
  outbox.onQueued((names) => {
    if (names.includes('d')) lane.wake()
  })
  return {
    clock, outbox, destination, lane, alarms,
    async accept(...jids) {
      for (const jid of jids) await outbox.accept(newReturn(jid, [ref]))
    },
  }
}
