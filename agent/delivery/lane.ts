/**
 * One destination's lane: claim → send → settle, at the pace the breaker and the drain rate allow.
 *
 *   closed    no destination is open: nothing was queued yet, or the last one stopped answering.
 *             → open     something may be sent and the destination can be opened.
 *             → paused   it cannot: it is no longer configured.
 *   open      sends flow as the breaker allows (breaker.ts has its own modes).
 *             → closed   a send was abandoned, or `reopen` asked for today's options and nothing is under way.
 *   paused    nothing is sent; opening is tried once per interval, and at once after `reopen`.
 *             → open
 *   stopped   from anywhere by `stop`, for good.
 *
 * Each batch is a flight: claimed, at the destination once a place there is free, answered, stored; where more is queued than a batch
 * holds, the next one is claimed ahead, and the destination told of it. One that loses its reason to go while it waits is given back untried.
 *
 * `pump` is the only place that starts flights. Everything that may change its mind (a commit, an end of a send, a timer, an
 * operator) only wakes it. A fault inside it is told and met with a pause, never with silence.
 */
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { ClaimedDelivery, DestinationRef, Outbox } from '../outbox/port.ts'
import type { Alarms } from './alarms.ts'
import { messageOf } from './bounded-send.ts'
import type { SendLimits } from './bounded-send.ts'
import { createBreaker } from './breaker.ts'
import { carry } from './carry.ts'
import { createClaimer } from './claimer.ts'
import { createDrainRate } from './drain-rate.ts'
import type { DrainSettings } from './drain-rate.ts'
import { createLinger } from './linger.ts'
import type { Judgement } from './judgement.ts'
import { createPlaces } from './places.ts'
import type { Destination } from './port.ts'
import { retryDelay } from './retry-policy.ts'
import type { RetrySettings } from './retry-policy.ts'
import { createSettler } from './settler.ts'

export interface LaneSettings {
  retry: RetrySettings
  drain: DrainSettings
  send: SendLimits
  /** Most bytes of returns in one send. A larger return goes alone. */
  maxBatchBytes: number
  /** Nothing more is claimed while this many bytes are under way. */
  maxInFlightBytes: number
}

export interface LaneDeps {
  outbox: Outbox
  clock: Clock
  logger: Logger
  alarms: Alarms
  /** Opens the destination with today's options; throws when it is no longer configured. */
  open(ref: DestinationRef): Destination
}

export interface LaneStatus {
  destination: string
  kind: DestinationRef['kind']
  /** `operator`: down, and it stays so until someone acts. */
  state: 'healthy' | 'probing' | 'down' | 'operator' | 'paused' | 'stopped'
  inFlight: number
  /** Wall-clock milliseconds of the next attempt; null when it depends on what comes. */
  nextAttemptAt: number | null
  lastError: string | null
  /** Since the agent started: acknowledged, failed attempts, and items handed over again after a failed attempt. */
  delivered: number
  retried: number
  resent: number
}

export interface Lane {
  readonly ref: DestinationRef
  /** True while a send is under way. */
  readonly busy: boolean
  /** Something may have become sendable. */
  wake(): void
  /** Tries now, whatever the breaker waits for. */
  nudge(): void
  /** Opens the destination anew, with today's options. */
  reopen(): void
  status(): LaneStatus
  /** Starts nothing more, waits for what is under way at most `graceMs`, gives back the rest and closes the destination. */
  stop(graceMs: number): Promise<void>
}

type Mode =
  | { kind: 'closed' }
  | { kind: 'open'; destination: Destination; stale: boolean }
  | { kind: 'paused'; until: number }
  | { kind: 'stopped' }

interface Flight {
  items: ClaimedDelivery[]
  bytes: number
  done: Promise<void>
}

/** How long a destination may take to close, and an interrupted send to be put down, milliseconds. */
const CLOSE_MS = 2000

/** A lane at rest: it starts with the first `wake`. Reads the store once, to know what is backlog. */
export function createLane(ref: DestinationRef, settings: LaneSettings, deps: LaneDeps): Lane {
  const { outbox, clock, alarms } = deps
  const logger = deps.logger.child({ destination: ref.name })
  const breaker = createBreaker(settings.retry, clock)
  const drain = createDrainRate(settings.drain, clock)
  const settler = createSettler(outbox, settings.retry, clock, logger)
  const claimer = createClaimer(ref.name, outbox, drain, clock)
  const linger = createLinger(ref.name, outbox, clock)
  const flights = new Set<Flight>()
  const places = createPlaces()
  const stopping = new AbortController()
  const counts = { delivered: 0, retried: 0, resent: 0 }
  let mode: Mode = { kind: 'closed' }
  let lastError: string | null = null
  let faults = 0
  let faultUntil = 0
  let awake = false
  let cancelTimer: (() => void) | undefined

  function enter(next: Mode): void {
    if (mode.kind !== 'stopped') mode = next
  }

  function wake(): void {
    if (awake || mode.kind === 'stopped') return
    awake = true
    queueMicrotask(() => {
      awake = false
      pump()
    })
  }

  function pump(): void {
    cancelTimer?.()
    if (mode.kind === 'stopped') return
    try {
      const waitMs = launchAll()
      if (waitMs < Infinity) cancelTimer = clock.timer(Math.min(waitMs, settings.retry.slowMs), pump)
    } catch (error) {
      fault(error)
    }
  }

  /** Starts what may be started. Milliseconds until it is worth looking again; Infinity when an event will tell. */
  function launchAll(): number {
    for (;;) {
      if (clock.monotonic() < faultUntil) return faultUntil - clock.monotonic()
      const destination = opened()
      if (destination === undefined) return mode.kind === 'paused' ? mode.until - clock.monotonic() : Infinity
      const waitMs = breaker.waitMs()
      if (waitMs > 0) return waitMs
      const probe = breaker.state.mode === 'down'
      const room = settings.maxInFlightBytes - bytesInFlight()
      if (flights.size > 0 && (probe || room <= 0 || !hasRoom(destination))) return Infinity
      const lingerMs = probe ? 0 : linger.waitMs(destination)
      if (lingerMs > 0) return lingerMs
      const batch = probe
        ? claimer.takeProbe()
        : claimer.take(Math.max(1, destination.maxBatch), Math.min(settings.maxBatchBytes, room))
      if (batch.length === 0) return claimer.waitMs()
      launch(batch, destination, probe)
    }
  }

  /**
   * Whether one more batch may be taken: for a place at the destination, or, where a whole one waits, ahead of the place, so that the
   * destination waits neither for the outbox to read the next batch nor for it to store what became of the last.
   */
  function hasRoom({ maxInFlight, maxBatch }: Destination): boolean {
    if (flights.size < maxInFlight) return true
    return flights.size < 2 * maxInFlight && outbox.queuedCount(ref.name) - itemsInFlight() >= maxBatch
  }

  function opened(): Destination | undefined {
    if (mode.kind === 'open') {
      if (!mode.stale) return mode.destination
      if (flights.size > 0) return undefined
      retire(mode.destination)
    }
    if (mode.kind === 'paused' && clock.monotonic() < mode.until) return undefined
    try {
      const destination = deps.open(ref)
      if (mode.kind === 'paused') alarms.clear(ref.name)
      enter({ kind: 'open', destination, stale: false })
      return destination
    } catch (error) {
      lastError = messageOf(error)
      alarms.stand(ref.name, 'paused', lastError)
      enter({ kind: 'paused', until: clock.monotonic() + settings.retry.capMs })
      return undefined
    }
  }

  function launch(items: ClaimedDelivery[], destination: Destination, probe: boolean): void {
    if (probe) breaker.probe()
    const bytes = items.reduce((sum, item) => sum + item.body.length, 0)
    const flight: Flight = { items, bytes, done: Promise.resolve() }
    flights.add(flight)
    // Not a large one: the destination would hold two of them at a time.
    if (flights.size > destination.maxInFlight && bytes <= settings.maxBatchBytes) destination.prepare?.(items)
    flight.done = fly(flight, destination, probe)
  }

  async function fly(flight: Flight, destination: Destination, probe: boolean): Promise<void> {
    const leave = await places.take(destination.maxInFlight)
    try {
      if (!mayGo(destination, probe)) return outbox.release(flight.items.map((item) => item.deliveryId))
      counts.resent += flight.items.filter((item) => item.attempts > 0).length
      await carry(flight.items, destination, {
        outbox,
        settler,
        clock,
        limits: settings.send,
        stop: stopping.signal,
        judged: (judgement) => judged(judgement, probe),
        answered: (abandoned) => {
          if (abandoned) retire(destination)
          leave()
        },
        context: () => ({
          settings: settings.retry,
          random: () => clock.random(),
          viewVersion: destination.viewVersion,
        }),
      })
      faults = 0
    } catch (error) {
      breaker.failure('destination', { probe, items: [] })
      outbox.release(flight.items.map((item) => item.deliveryId))
      fault(error)
    } finally {
      leave()
      flights.delete(flight)
      wake()
    }
  }

  /** False for a batch that was taken ahead when things have changed meanwhile: it goes back untried. A probe was not, and the breaker waits for its end. */
  function mayGo(destination: Destination, probe: boolean): boolean {
    return mode.kind === 'open' && mode.destination === destination && (probe || (!mode.stale && breaker.state.mode === 'healthy'))
  }

  function judged(judgement: Judgement, probe: boolean): void {
    count(judgement)
    if (judgement.error !== null) lastError = judgement.error
    if (judgement.blame === null) {
      if (breaker.success()) recovered()
      return
    }
    const items = judgement.verdicts.map(({ deliveryId }) => deliveryId)
    breaker.failure(judgement.blame, { probe, items, afterMs: judgement.afterMs })
    const error = judgement.error ?? 'unknown'
    if (judgement.blame === 'operator') alarms.stand(ref.name, 'operator', error)
    else if (judgement.needsOperator === true) alarms.occur(ref.name, 'set-aside', error)
    // The first failure may be a hiccup; a probe that fails too is an outage.
    else if (breaker.state.mode === 'down' && breaker.state.attempt > 1) alarms.stand(ref.name, 'down', error)
  }

  function count({ verdicts }: Judgement): void {
    for (const verdict of verdicts) {
      if (verdict.kind === 'delivered') counts.delivered += 1
      else if (verdict.kind === 'retry') counts.retried += 1
      else alarms.occur(ref.name, 'dead', verdict.error)
    }
  }

  /** What is stored by now is backlog; what comes from here on is fresh. */
  function recovered(): void {
    claimer.moveBoundary()
    drain.restart()
    alarms.clear(ref.name)
  }

  /** Lets go of a destination; the next send opens it anew. */
  function retire(destination: Destination): void {
    if (mode.kind !== 'open' || mode.destination !== destination) return
    enter({ kind: 'closed' })
    close(destination).catch((error: unknown) => logger.warn({ err: error }, 'a destination did not close'))
  }

  /** Our own error: told, and tried again after a pause. */
  function fault(error: unknown): void {
    if (mode.kind === 'stopped') return
    faults += 1
    lastError = messageOf(error)
    logger.error({ err: error }, 'a lane failed inside')
    alarms.occur(ref.name, 'internal', lastError)
    const waitMs = retryDelay(settings.retry, faults, clock.random())
    faultUntil = clock.monotonic() + waitMs
    cancelTimer?.()
    cancelTimer = clock.timer(waitMs, pump)
  }

  function stateShown(): LaneStatus['state'] {
    if (mode.kind === 'paused' || mode.kind === 'stopped') return mode.kind
    return breaker.state.mode === 'down' && breaker.state.operator ? 'operator' : breaker.state.mode
  }

  /** Wall-clock milliseconds, for people. */
  function nextAttemptAt(): number | null {
    const waitMs = mode.kind === 'paused' ? mode.until - clock.monotonic() : breaker.waitMs()
    return waitMs > 0 && waitMs < Infinity ? clock.now() + waitMs : null
  }

  function itemsInFlight(): number {
    let sum = 0
    for (const flight of flights) sum += flight.items.length
    return sum
  }

  function bytesInFlight(): number {
    let sum = 0
    for (const flight of flights) sum += flight.bytes
    return sum
  }

  /** Resolves when the flights have ended, at the latest after `ms`. */
  function landed(ms: number): Promise<void> {
    return atMost(ms, Promise.all([...flights].map((flight) => flight.done)), clock)
  }

  return {
    ref,
    get busy() {
      return flights.size > 0
    },
    wake() {
      settler.wake()
      wake()
    },
    nudge() {
      breaker.nudge()
      linger.end()
      if (mode.kind === 'paused') mode.until = clock.monotonic()
      wake()
    },
    reopen() {
      if (mode.kind === 'open') mode.stale = true
      if (mode.kind === 'paused') mode.until = clock.monotonic()
      breaker.nudge()
      wake()
    },
    status() {
      return {
        destination: ref.name,
        kind: ref.kind,
        state: stateShown(),
        inFlight: flights.size,
        nextAttemptAt: nextAttemptAt(),
        lastError,
        ...counts,
      }
    },
    async stop(graceMs) {
      const destination = mode.kind === 'open' ? mode.destination : undefined
      enter({ kind: 'stopped' })
      cancelTimer?.()
      await landed(graceMs)
      stopping.abort(new Error('the agent stops'))
      settler.stop()
      await landed(CLOSE_MS)
      if (destination !== undefined) await atMost(CLOSE_MS, close(destination), clock)
    },
  }
}

/** Asynchronous, so that one that throws at once only rejects. */
async function close(destination: Destination): Promise<void> {
  await destination.close()
}

/** Resolves when the promise has settled, at the latest after `ms`. */
function atMost(ms: number, promise: Promise<unknown>, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.timer(ms, resolve)
    const finish = (): void => {
      cancel()
      resolve()
    }
    promise.then(finish, finish)
  })
}
