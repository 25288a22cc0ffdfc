/**
 * One master at a time out of several, in their order: Salt's `master_type: failover` (minion.py `eval_master`).
 *
 *   stopped   no link runs. `start` leads to seeking the first master.
 *   seeking   no master is connected; the link to one of them runs. Leads to settled when it connects. When it cannot (not reached, key
 *             pending or refused, full, not trusted) its link is stopped and the next one is sought; after the last, the first again,
 *             after a wait that grows.
 *   settled   a master is connected. Leads to doubting when it is lost.
 *   doubting  its link tries again by itself, once at least, and for `patienceMs`. Leads to settled when it connects, else to seeking
 *             the next one: the lost master is the last of the round.
 *
 * While settled, the link to one other master may run as a guest: to the first one, to go back to it (`master_failback`: connected, it is
 * the settled one, and the other link is stopped); and to one whose jobs still have returns here, until it has taken them. A guest that
 * fails is stopped.
 *
 * Every state leads to stopped by `stop`. Only `enter` changes the state.
 */
import { sleep } from './sleep.ts'
import { backoff } from './timing.ts'
import type { Link, LinkState } from './port.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'

/** A master that may be connected, and the link to it. */
export interface Candidate {
  master: string
  link: Link
}

export interface FailoverSettings {
  /** How long a lost master may take to come back before the next one is tried, milliseconds. */
  patienceMs: number
  /** Salt's `master_failback`: go back to the first master. */
  failback: boolean
  /** How often that is tried, milliseconds. */
  failbackIntervalMs: number
  /** How often masters are visited that are owed returns, milliseconds, and how long a visit may take. */
  visitIntervalMs: number
  visitMs: number
  /** First and longest wait after a round in which no master could be had. The real wait is a random part of it. */
  roundBaseMs: number
  roundCapMs: number
}

export interface FailoverParts {
  clock: Clock
  log: Logger
  /** Whether returns wait for this master's jobs. */
  isOwed: (candidate: Candidate) => boolean
  /** Called each time that the current master is connected: not for a guest. */
  onSettled: (candidate: Candidate) => void
}

export type FailoverState = 'stopped' | 'seeking' | 'settled' | 'doubting'

export interface Failover {
  readonly state: FailoverState
  /** The master that is connected or sought; undefined while stopped. */
  readonly current: Candidate | undefined
  start(): void
  /** Stops every link. */
  stop(): Promise<void>
}

const NEXT: Record<FailoverState, readonly FailoverState[]> = {
  stopped: ['seeking'],
  seeking: ['settled', 'stopped'],
  settled: ['doubting', 'stopped'],
  doubting: ['settled', 'seeking', 'stopped'],
}

/** The master answered, and what it says changes only when someone acts there. */
const STUCK: ReadonlySet<LinkState> = new Set(['pending', 'rejected', 'full'])
/** A link that got so far does not connect, or not soon. */
const FAILED: ReadonlySet<LinkState> = new Set(['waiting', ...STUCK])

/** Makes it; no link runs before `start`. The candidates' order is the order of preference. */
export function createFailover(candidates: readonly Candidate[], settings: FailoverSettings, parts: FailoverParts): Failover {
  const { clock, log } = parts
  let state: FailoverState = 'stopped'
  let at = 0
  let running: { stop: AbortController; done: Promise<void> } | undefined
  /** Told of every change of a link's state; then those who wait look again. */
  const watchers = new Set<() => void>()
  const waiting = new Set<() => void>()
  for (const { link } of candidates) {
    link.onState(() => {
      for (const watcher of watchers) watcher()
      lookAgain()
    })
  }

  function lookAgain(): void {
    for (const look of waiting) look()
  }

  function enter(next: FailoverState): void {
    if (next === state) return
    if (!NEXT[state].includes(next)) throw new Error(`the failover cannot go from ${state} to ${next}`)
    state = next
  }

  /** Resolves when `look` is true after a change of a link, or when the signal is aborted. */
  function until(look: () => boolean, signal: AbortSignal): Promise<void> {
    if (signal.aborted || look()) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    const finish = (): void => {
      waiting.delete(again)
      signal.removeEventListener('abort', finish)
      resolve()
    }
    const again = (): void => {
      if (look()) finish()
    }
    waiting.add(again)
    signal.addEventListener('abort', finish, { once: true })
    return promise
  }

  /** Whether the link connects. It has failed with the first failure after `patienceMs`, or when its key waits or is refused by then. */
  async function connects({ link }: Candidate, patienceMs: number, signal: AbortSignal): Promise<boolean> {
    let failed = false
    const from = clock.monotonic() + patienceMs
    const watcher = (): void => {
      if (FAILED.has(link.state) && clock.monotonic() >= from) failed = true
    }
    watchers.add(watcher)
    const cancel = clock.timer(patienceMs, () => {
      // It asks again by itself, but without a change there is no word of that.
      if (STUCK.has(link.state)) failed = true
      lookAgain()
    })
    try {
      await until(() => failed || link.state === 'connected', signal)
    } finally {
      watchers.delete(watcher)
      cancel()
    }
    return link.state === 'connected'
  }

  /** Seeks until a master is connected. */
  async function seek(signal: AbortSignal): Promise<void> {
    for (let failures = 1; !signal.aborted; failures += 1) {
      const candidate = candidateAt(at)
      candidate.link.start()
      if (await connects(candidate, 0, signal)) return
      if (signal.aborted) return
      const { link: { state: reached, detail } } = candidate
      await candidate.link.stop()
      at = (at + 1) % candidates.length
      log.warn({ master: candidate.master, state: reached, reason: detail, next: candidateAt(at).master }, 'A master could not be had: the next one is tried')
      if (failures % candidates.length === 0) {
        await sleep(clock, backoff(clock, settings.roundBaseMs, settings.roundCapMs, failures / candidates.length - 1), signal)
      }
    }
  }

  /** Stays with the connected master until it is lost for good. */
  async function stay(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      enter('settled')
      parts.onSettled(candidateAt(at))
      const lost = new AbortController()
      const over = AbortSignal.any([signal, lost.signal])
      const guests = receive(over)
      await until(() => candidateAt(at).link.state !== 'connected', signal)
      lost.abort()
      await guests
      if (signal.aborted) return
      enter('doubting')
      if (!(await connects(candidateAt(at), settings.patienceMs, signal))) return
    }
  }

  /** Lets guests in, one at a time, while the master is connected. Never rejects. */
  async function receive(over: AbortSignal): Promise<void> {
    let failbackAt = clock.monotonic() + settings.failbackIntervalMs
    let visitAt = clock.monotonic() + settings.visitIntervalMs
    while (!over.aborted) {
      const next = settings.failback && at !== 0 ? Math.min(failbackAt, visitAt) : visitAt
      await sleep(clock, Math.max(0, next - clock.monotonic()), over)
      if (over.aborted) return
      if (settings.failback && at !== 0 && clock.monotonic() >= failbackAt) {
        await goBack(over)
        failbackAt = clock.monotonic() + settings.failbackIntervalMs
      } else {
        await visitOwed(over)
        visitAt = clock.monotonic() + settings.visitIntervalMs
      }
    }
  }

  async function goBack(over: AbortSignal): Promise<void> {
    const first = candidateAt(0)
    const left = candidateAt(at)
    first.link.start()
    if (await connects(first, 0, over) && !over.aborted) {
      at = 0
      await left.link.stop()
      log.info({ master: first.master, left: left.master }, 'The first master is back: its connection is the one that is kept')
      parts.onSettled(first)
      return
    }
    await first.link.stop()
  }

  async function visitOwed(over: AbortSignal): Promise<void> {
    for (const [index, candidate] of candidates.entries()) {
      if (over.aborted) return
      if (index === at || !parts.isOwed(candidate)) continue
      candidate.link.start()
      if (await connects(candidate, 0, over)) await untilPaid(candidate, over)
      await candidate.link.stop()
    }
  }

  /** Its lane sends as soon as the link is connected. */
  async function untilPaid(candidate: Candidate, over: AbortSignal): Promise<void> {
    log.info({ master: candidate.master }, 'A master that is not the current one gets the returns of its jobs')
    const end = clock.monotonic() + settings.visitMs
    while (!over.aborted && clock.monotonic() < end && candidate.link.state === 'connected' && parts.isOwed(candidate)) await sleep(clock, LOOK_MS, over)
  }

  function candidateAt(index: number): Candidate {
    const candidate = candidates[index]
    if (candidate === undefined) throw new Error('there is no master to fail over to')
    return candidate
  }

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      enter('seeking')
      await seek(signal)
      if (signal.aborted) break
      log.info({ master: candidateAt(at).master }, 'This master is the current one')
      await stay(signal)
      if (signal.aborted) break
      const lost = candidateAt(at)
      await lost.link.stop()
      at = (at + 1) % candidates.length
      log.warn({ master: lost.master, reason: lost.link.detail, next: candidateAt(at).master }, 'The current master is lost: the next one is tried')
    }
    await Promise.all(candidates.map(({ link }) => link.stop()))
    enter('stopped')
  }

  return {
    get state() {
      return state
    },
    get current() {
      return state === 'stopped' ? undefined : candidates[at]
    },
    start() {
      if (running !== undefined) return
      const stop = new AbortController()
      at = 0
      running = { stop, done: run(stop.signal) }
    },
    async stop() {
      running?.stop.abort()
      await running?.done
      running = undefined
    },
  }
}

/** How often it is looked whether a visited master has everything, milliseconds. */
const LOOK_MS = 200
