/**
 * Returns that the store could not take: held in memory within a bound, sent to their masters directly, and stored after all
 * when the store is back. Nothing here survives the process, and every return that takes this way is told.
 *
 * One held return:
 *   waiting   → sending   its master is connected and its turn has come
 *             → storing   the store may be writable again
 *   sending   → waiting   answered, or failed: the next attempt after a jittered wait
 *   storing   → gone      stored; the lanes carry what is left of its destinations
 *             → waiting   the store cannot be written yet
 * A return that its master took stays: its other destinations and the end of its job still have to be stored.
 */
import type { Clock } from '../clock.ts'
import type { Link } from '../link/port.ts'
import type { Logger } from '../log.ts'
import type { NewReturn, Outbox } from '../outbox/port.ts'
import { decode, encode } from '../wire/msgpack.ts'
import { isObject } from '../wire/value.ts'
import type { Alarms } from './alarms.ts'
import { sendDeadline } from './bounded-send.ts'
import type { SendLimits } from './bounded-send.ts'
import { masterDestinationName, masterOf } from './destination-name.ts'
import { sendDirectly } from './direct-send.ts'
import { summarise } from './master-load.ts'
import { retryDelay } from './retry-policy.ts'
import type { RetrySettings } from './retry-policy.ts'

export interface VolatileSettings {
  retry: RetrySettings
  send: SendLimits
  /** Most bytes held. */
  maxBytes: number
  /** Most direct sends under way to one master. */
  maxInFlight: number
}

export interface VolatileDeps {
  outbox: Outbox
  linkFor: (master: string) => Link | undefined
  clock: Clock
  logger: Logger
  alarms: Alarms
}

export interface VolatileReport {
  held: number
  heldBytes: number
  /** Since the agent started: went this way, were acknowledged by a master, were stored after all, were let go. */
  total: number
  acknowledged: number
  stored: number
  dropped: number
}

export interface VolatileReturns {
  /** Takes a return that the store refused, and why it did. */
  hold(ret: NewReturn, reason: string): void
  /** The master is connected: tried now. */
  wake(master: string): void
  /** The store may be writable again. */
  storeAvailable(): void
  report(): VolatileReport
  /** Gives what is held one last chance to be stored; counts and tells what is lost. */
  stop(): Promise<void>
}

interface Held {
  ret: NewReturn
  reason: string
  state: 'waiting' | 'sending' | 'storing'
}

/** One master's share: what it has not taken yet, in order, and how it has been doing. */
interface Master {
  unsent: Set<Held>
  inFlight: number
  failures: number
  notBefore: number
  cancelTimer: () => void
}

/** Returns stored together when the store is back. */
const STORE_BATCH = 64

/** The volatile way of an agent's returns. */
export function createVolatileReturns(settings: VolatileSettings, deps: VolatileDeps): VolatileReturns {
  const { outbox, clock, logger, alarms } = deps
  const held = new Set<Held>()
  const masters = new Map<string, Master>()
  const stopping = new AbortController()
  const counts = { total: 0, acknowledged: 0, stored: 0, dropped: 0 }
  let heldBytes = 0
  let storing: Promise<void> | undefined
  let storeFailures = 0
  let cancelStoreTimer: (() => void) | undefined

  function shareOf(name: string): Master {
    const existing = masters.get(name)
    if (existing !== undefined) return existing
    const master: Master = { unsent: new Set(), inFlight: 0, failures: 0, notBefore: 0, cancelTimer: () => {} }
    masters.set(name, master)
    return master
  }

  function remove(entry: Held): void {
    if (held.delete(entry)) heldBytes -= entry.ret.body.length
    for (const master of masters.values()) master.unsent.delete(entry)
  }

  /**
   * The least important goes first: what a master has already, then by priority, then the oldest. What is being stored this
   * moment is gone from memory in the next.
   */
  function makeRoom(): void {
    while (heldBytes > settings.maxBytes) {
      let least: Held | undefined
      for (const entry of held) {
        if (entry.state === 'storing') continue
        if (least === undefined || worth(entry) < worth(least)) least = entry
      }
      if (least === undefined) return
      drop(least, 'more returns than memory may hold')
    }
  }

  function worth({ ret }: Held): number {
    return ret.priority + (ret.destinations.some(({ kind }) => kind === 'master') ? 10 : 0)
  }

  function drop(entry: Held, reason: string): void {
    remove(entry)
    counts.dropped += 1
    const destinations = entry.ret.destinations.map(({ name }) => name)
    logger.error({ jid: entry.ret.jid, destinations, reason }, 'a return that was held in memory is lost')
    alarms.occur('*', 'dropped', `${reason}; the last was ${entry.ret.jid}`)
  }

  function pump(name: string): void {
    const master = shareOf(name)
    master.cancelTimer()
    const waitMs = master.notBefore - clock.monotonic()
    if (waitMs > 0) {
      if (master.unsent.size > 0) master.cancelTimer = clock.timer(waitMs, () => pump(name))
      return
    }
    // A master that just failed is tried with one.
    const room = master.failures > 0 ? 1 : settings.maxInFlight
    for (const entry of master.unsent) {
      if (master.inFlight >= room || stopping.signal.aborted) return
      if (entry.state === 'waiting') void send(entry, name, master)
    }
  }

  async function send(entry: Held, name: string, master: Master): Promise<void> {
    entry.state = 'sending'
    master.inFlight += 1
    const { body } = entry.ret
    const timeoutMs = sendDeadline(settings.send, body.length)
    const end = await sendDirectly(deps.linkFor(name), {
      body,
      socket: 'returns',
      timeoutMs,
      signal: stopping.signal,
      volatile: entry.reason,
    })
    master.inFlight -= 1
    entry.state = 'waiting'
    if (end === null) acknowledged(entry, name, master)
    else failed(entry, master, end)
    if (stopping.signal.aborted) return
    pump(name)
    if (storeFailures === 0) void storeAll()
  }

  function acknowledged(entry: Held, master: string, share: Master): void {
    share.failures = 0
    share.unsent.delete(entry)
    counts.acknowledged += 1
    const name = masterDestinationName(master)
    entry.ret = { ...entry.ret, destinations: entry.ret.destinations.filter((ref) => ref.name !== name) }
  }

  /** Behind the others, so that one that is turned away does not block them. */
  function failed(entry: Held, master: Master, end: { error: string; hopeless: boolean }): void {
    master.unsent.delete(entry)
    logger.debug({ jid: entry.ret.jid, error: end.error }, 'a return that is not stored did not reach its master')
    if (end.hopeless) return
    if (held.has(entry)) master.unsent.add(entry)
    master.failures += 1
    master.notBefore = clock.monotonic() + retryDelay(settings.retry, master.failures, clock.random())
  }

  /** Stores what is held, in order, until the store refuses again. One at a time: a second call joins the first. */
  function storeAll(): Promise<void> {
    storing ??= storeBatches().finally(() => {
      storing = undefined
      if (held.size === 0) storeFailures = 0
      else if (!stopping.signal.aborted) storeLater()
    })
    return storing
  }

  async function storeBatches(): Promise<void> {
    for (;;) {
      const batch = [...held].filter(({ state }) => state === 'waiting').slice(0, STORE_BATCH)
      if (batch.length === 0) return
      const stored = await Promise.all(batch.map((entry) => store(entry)))
      storeFailures = stored.includes(false) ? storeFailures + 1 : 0
      if (storeFailures > 0) return
    }
  }

  function storeLater(): void {
    cancelStoreTimer?.()
    const waitMs = retryDelay(settings.retry, Math.max(1, storeFailures), clock.random())
    cancelStoreTimer = clock.timer(waitMs, () => void storeAll())
  }

  async function store(entry: Held): Promise<boolean> {
    entry.state = 'storing'
    try {
      await outbox.accept(entry.ret)
      remove(entry)
      counts.stored += 1
      return true
    } catch {
      entry.state = 'waiting'
      return false
    }
  }

  return {
    hold(ret, reason) {
      const entry: Held = { ret: fitting(ret, settings.maxBytes), reason, state: 'waiting' }
      held.add(entry)
      heldBytes += entry.ret.body.length
      counts.total += 1
      logger.warn({ jid: ret.jid, fun: ret.fun, reason }, 'a return could not be stored; it goes to the master directly')
      alarms.occur('*', 'volatile', `${reason}; the last return was ${ret.jid}`)
      makeRoom()
      if (!held.has(entry)) return
      for (const ref of ret.destinations) {
        if (ref.kind !== 'master') continue
        const { master } = masterOf(ref)
        shareOf(master).unsent.add(entry)
        pump(master)
      }
      if (storeFailures === 0) {
        storeFailures = 1
        storeLater()
      }
    },
    wake(connected) {
      const link = deps.linkFor(connected)
      for (const [name, master] of masters) {
        if (deps.linkFor(name) !== link) continue
        master.notBefore = 0
        pump(name)
      }
    },
    storeAvailable() {
      storeFailures = 0
      void storeAll()
    },
    report: () => ({ held: held.size, heldBytes, ...counts }),
    async stop() {
      stopping.abort(new Error('the agent stops'))
      await storing
      // What is under way may or may not arrive: stored, it is sent once more rather than lost.
      for (const entry of held) entry.state = 'waiting'
      await storeAll()
      cancelStoreTimer?.()
      for (const master of masters.values()) master.cancelTimer()
      for (const entry of held) drop(entry, 'the agent stops and the store cannot be written')
    },
  }
}

/** A return that alone is larger than all that may be held is held as its summary. */
function fitting(ret: NewReturn, maxBytes: number): NewReturn {
  if (ret.body.length <= maxBytes) return ret
  const whole = decode(ret.body, { maxValues: ret.body.length })
  if (!isObject(whole)) return ret
  const summary = summarise(whole, ret.body.length, { maxRequestBytes: maxBytes, kept: false })
  return { ...ret, body: encode(summary, { bin: true }) }
}
