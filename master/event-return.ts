/**
 * `event_return`: the master's events go to returners (utils/event.py, EventReturn).
 *
 * Events that pass the lists wait until there are `event_return_queue` of them, or the oldest has waited for
 * `event_return_queue_max_seconds`, and go to each returner in one call. A returner that fails keeps its events, and is tried again
 * after 1 s, then twice as long, up to a minute. At most 10,000 events, or 64 MiB of them, wait for a returner: then the oldest go,
 * counted and logged.
 *
 *   idle ──enough events, or the oldest is old enough──▶ sending
 *   sending ──stored, few are left──▶ idle        sending ──stored, enough are left──▶ sending
 *   sending ──failed──▶ waiting ──timer──▶ sending
 */
import { join } from 'node:path'
import type { Clock } from '../agent/clock.ts'
import type { Logger } from '../agent/log.ts'
import { globMatch } from '../agent/matchers/glob.ts'
import { toJsonValue } from '../agent/wire/json.ts'
import type { ReturnerHandle, SaltEvent } from '../returners/contract.ts'
import type { EventBus } from './events.ts'
import { MasterReturnerError, openMasterReturner } from './returner.ts'
import type { MasterSettings } from './settings.ts'

export interface EventReturnSettings {
  /** Events that are sent together; 0 and 1 send each at once. */
  event_return_queue: number
  /** Seconds; 0 for no bound. */
  event_return_queue_max_seconds: number
  event_return_whitelist: readonly string[]
  event_return_blacklist: readonly string[]
}

export interface EventReturnParts {
  clock: Clock
  log: Logger
  events: EventBus
  /** Returner → its handle, which has `eventReturn`. */
  returners: ReadonlyMap<string, Pick<ReturnerHandle, 'eventReturn'>>
}

const maxWaiting = 10_000
const maxBatch = 1000
/** As JSON text: events come from minions, and each may be as large as a request. */
const maxWaitingBytes = 64 * 1024 * 1024
interface Waiting {
  event: SaltEvent
  bytes: number
}

const firstRetryMs = 1000
const lastRetryMs = 60_000
const finishMs = 5000

/** Starts it. The returned function stops it, after one more try to send what waits. */
export function startEventReturn(settings: EventReturnSettings, { clock, log, events, returners }: EventReturnParts): () => Promise<void> {
  const queues = [...returners].map(([name, handle]) => makeQueue(name, handle))
  const maxAgeMs = settings.event_return_queue_max_seconds * 1000
  const unsubscribe = events.subscribe('', ({ tag, data }) => {
    if (!isWanted(tag, settings)) return
    const event: SaltEvent = { tag, data: toJsonValue(data) as Record<string, unknown> }
    const bytes = JSON.stringify(event).length
    for (const queue of queues) queue.add({ event, bytes })
  })
  return async () => {
    unsubscribe()
    await Promise.all(queues.map((queue) => queue.finish()))
  }

  /** A returner that hangs does not keep the master from stopping. */
  async function atMost(ms: number, work: Promise<void>): Promise<void> {
    let cancel: (() => void) | undefined
    const late = new Promise<void>((resolve) => {
      cancel = clock.timer(ms, resolve)
    })
    await Promise.race([work, late])
    cancel?.()
  }

  function makeQueue(name: string, handle: Pick<ReturnerHandle, 'eventReturn'>) {
    const waiting: Waiting[] = []
    let held = 0
    let state: 'idle' | 'sending' | 'waiting' | 'finished' = 'idle'
    let failures = 0
    let dropped = 0
    let sending = Promise.resolve()
    let cancelTimer: (() => void) | undefined

    return {
      add(next: Waiting): void {
        waiting.push(next)
        held += next.bytes
        while (isOverfull()) drop()
        if (state === 'idle') sendOrArm()
      },
      async finish(): Promise<void> {
        await atMost(finishMs, sending)
        cancelTimer?.()
        state = 'finished'
        if (waiting.length > 0) await atMost(finishMs, store(take(waiting.length)).catch(tell))
      },
    }

    /** The oldest goes; the first one that does is told, the number when the returner takes events again. */
    function drop(): void {
      take(1)
      dropped += 1
      if (dropped === 1) log.error({ returner: name, limit: maxWaiting, limitBytes: maxWaitingBytes }, 'event_return takes no events: the oldest that wait are dropped')
    }

    function take(most: number): Waiting[] {
      const taken = waiting.splice(0, most)
      for (const { bytes } of taken) held -= bytes
      return taken
    }

    function isOverfull(): boolean {
      return waiting.length > maxWaiting || (held > maxWaitingBytes && waiting.length > 1)
    }

    function sendOrArm(): void {
      if (isFull()) send()
      else if (waiting.length > 0 && maxAgeMs > 0) cancelTimer ??= clock.timer(maxAgeMs, send)
    }

    /** The state may have changed while something was waited for. */
    function isFinished(): boolean {
      return state === 'finished'
    }

    function isFull(): boolean {
      return waiting.length >= Math.max(1, settings.event_return_queue)
    }

    function send(): void {
      cancelTimer?.()
      cancelTimer = undefined
      state = 'sending'
      sending = sendBatch()
    }

    async function sendBatch(): Promise<void> {
      const batch = take(maxBatch)
      try {
        await store(batch)
      } catch (error) {
        waiting.unshift(...batch)
        for (const { bytes } of batch) held += bytes
        while (isOverfull()) drop()
        tell(error)
        if (isFinished()) return
        state = 'waiting'
        failures += 1
        cancelTimer = clock.timer(Math.min(lastRetryMs, firstRetryMs * 2 ** (failures - 1)), send)
        return
      }
      failures = 0
      if (dropped > 0) log.error({ returner: name, dropped }, 'events were dropped because event_return did not take them')
      dropped = 0
      if (isFinished()) return
      state = 'idle'
      sendOrArm()
    }

    async function store(batch: Waiting[]): Promise<void> {
      await handle.eventReturn?.(batch.map(({ event }) => event))
    }

    function tell(error: unknown): void {
      log.error({ returner: name, waiting: waiting.length, err: error }, 'event_return could not store events')
    }
  }
}

/**
 * Opens the returners that `event_return` names.
 *
 * @throws MasterReturnerError when one is not there, is misconfigured, or takes no events
 */
export async function openEventReturners(settings: MasterSettings, clock: Clock, log: Logger): Promise<Map<string, ReturnerHandle>> {
  const open = new Map<string, ReturnerHandle>()
  try {
    for (const name of new Set(settings.event_return)) {
      const stateDir = join(settings.cachedir, 'event_return')
      const handle = await openMasterReturner(settings, { name, option: 'event_return', stateDir }, { clock, log })
      open.set(name, handle)
      if (!handle.eventReturn) throw new MasterReturnerError(`event_return: the returner ${name} takes no events`)
    }
  } catch (error) {
    for (const handle of open.values()) await handle.close()
    throw error
  }
  return open
}

/** Salt's filter: the whitelist when there is one, then the blacklist. */
function isWanted(tag: string, { event_return_whitelist: allow, event_return_blacklist: deny }: EventReturnSettings): boolean {
  if (allow.length > 0 && !allow.some((glob) => globMatch(tag, glob))) return false
  return !deny.some((glob) => globMatch(tag, glob))
}
