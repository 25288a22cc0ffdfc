/**
 * The jobs that the minion starts itself. Items come from the configuration and from the pillar; of two with one name the
 * configuration's counts (as in Salt). When an item is due is entry.ts's; whether it then runs is gates.ts's and, last, the
 * number of runs of its name that are under way. A run is a job like any other from here on: its return cannot be lost.
 */
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import { isTruthy } from '../matchers/python-text.ts'
import { encode } from '../wire/msgpack.ts'
import { get, isMap, isObject } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import { momentOf } from './date-text.ts'
import { createDueTimes } from './entry.ts'
import type { Due, DueTimes, Now } from './entry.ts'
import { judge } from './gates.ts'
import { GLOBAL_KEYS, parseItem } from './item.ts'
import type { Item } from './item.ts'
import { jobOf, returnsToMaster } from './local-job.ts'
import type { ScheduledJob } from './local-job.ts'
import { plainMap } from './source.ts'

export interface ScheduleDeps {
  clock: Clock
  log: Logger
  pillar(): ValueObject
  grains(): ValueObject
  /** The returners of the option `schedule_returner`. */
  scheduleReturner: string[]
  /** False for a minion that runs without one: its pillar is its own. */
  hasMaster: boolean
  /** Whether a master may name this returner, with this `return_config`. */
  masterMayName(name: string, retConfig: string | undefined): boolean
  /** The master that gets the returns; undefined while none is known. */
  master(): string | undefined
  /** Starts a job; `over` resolves when its return is accepted. */
  start(job: ScheduledJob, master: string | undefined): Promise<{ jid: string; over: Promise<unknown> }>
}

/** Moments of an item, wall-clock milliseconds since the epoch, and what became of its last due time. */
export interface ItemStatus {
  nextFireTime?: number
  splay?: number
  lastRun?: number
  skipReason?: string
  skippedTime?: number
  error?: string
}

export interface Schedule {
  /** Begins to run items. */
  start(): void
  /** Starts no more. */
  stop(): void
  /** The items of the configuration as they are now, with what is set for all items. */
  configured(): ValueObject
  /** Takes other items of the configuration; what stays the same keeps its due time. */
  configure(schedule: ValueObject): void
  /** The items that the minion itself added. They count before all others, and are never saved. */
  own(): ValueObject
  setOwn(items: ValueObject): void
  /** The pillar or the grains changed. */
  refresh(): void
  /** The items of the pillar. */
  fromPillar(): ValueObject
  status(name: string): ItemStatus
  /** Runs an item now, unless as many runs as it may have are under way. True when a job was started. */
  runNow(name: string): boolean
}

interface Entry {
  item: Item | undefined
  /** Why it is ignored. */
  error: string | undefined
  /** What its due times depend on: with another value they begin anew. */
  identity: string
  due: DueTimes
  startRun: boolean
  held: boolean
  status: ItemStatus
}

/** Moments of the wall clock are looked at as often as this, so that a step of it is noticed. */
const wallCheckMs = 60_000
/** A wall clock that falls back by more against the monotonic one was set, not slewed. */
const stepMs = 1000
const longestWaitMs = 3_600_000
/** What may change in an item without its due times beginning anew. */
const passing = new Set(['enabled', 'skip_explicit', 'run_explicit', 'name', 'maxrunning'])

/** A schedule; nothing runs before `start`. `initial`: the items of the configuration. */
export function createSchedule(initial: ValueObject, deps: ScheduleDeps): Schedule {
  const { clock, log } = deps
  const entries = new Map<string, Entry>()
  const running = new Map<string, number>()
  let configured = plainMap(initial)
  let own = plainMap(undefined)
  let globals: ValueObject = Object.create(null) as ValueObject
  let offset = clock.now() - clock.monotonic()
  let cancel: (() => void) | undefined
  let started = false

  const now = (): Now => ({ wall: clock.now(), monotonic: clock.monotonic() })

  function fromPillar(): ValueObject {
    const given = get(deps.pillar(), 'schedule')
    if (given !== undefined && given !== null && !isMap(given)) log.error({}, "The pillar's schedule is not a map, and is passed over")
    return plainMap(given)
  }

  function whens(name: string): Value | undefined {
    return get(get(deps.pillar(), 'whens'), name) ?? get(get(deps.grains(), 'whens'), name)
  }

  /** Makes the entries those of today's configuration and pillar. */
  function sync(): void {
    const schedule = Object.assign(Object.create(null) as ValueObject, fromPillar(), configured, own)
    globals = schedule
    for (const name of entries.keys()) if (!Object.hasOwn(schedule, name)) entries.delete(name)
    for (const [name, data] of Object.entries(schedule)) if (!GLOBAL_KEYS.includes(name)) syncOne(name, data)
    plan()
  }

  function syncOne(name: string, data: Value): void {
    let item: Item | undefined
    let error: string | undefined
    let identity = ''
    try {
      if (!isObject(data)) throw new Error(`Scheduled job "${name}" should have a dict value`)
      const read = parseItem(name, data, { schedule: globals, whens })
      identity = identityOf(data, read)
      item = read
    } catch (caught) {
      error = `${caught instanceof Error ? caught.message : String(caught)}. Ignoring job ${name}.`
    }
    const known = entries.get(name)
    if (known !== undefined && known.identity === identity && known.error === error) {
      known.item = item
      return
    }
    if (error !== undefined) log.error({ schedule: name }, error)
    const entry: Entry = { item, error, identity, due: createDueTimes(() => itemOf(entry), clock, now()), startRun: item?.runOnStart === true, held: false, status: {} }
    entries.set(name, entry)
  }

  /** Looks at every item once, and sets the timer for the next look. */
  function plan(): void {
    if (!started) return
    const at = now()
    if (at.wall - at.monotonic < offset - stepMs) {
      log.warn({ backMs: offset - (at.wall - at.monotonic) }, 'The clock was set back; moments that have fired do not fire again')
      for (const entry of entries.values()) entry.due.steppedBack()
    }
    offset = at.wall - at.monotonic
    for (const [name, entry] of entries) look(name, entry, at)
    cancel?.()
    const wait = nextLook(at)
    cancel = wait === undefined ? undefined : clock.timer(wait, plan)
  }

  function nextLook(at: Now): number | undefined {
    const waits = [...entries.values()].flatMap((entry) => {
      if (entry.item === undefined) return []
      const wait = entry.held ? untilRange(entry.item, at.wall) : entry.due.wait(at)
      const isWall = entry.held || (entry.item.timing.kind !== 'interval' && entry.item.timing.kind !== 'none')
      return [...(wait === undefined ? [] : [wait]), ...(isWall ? [wallCheckMs] : [])]
    })
    return waits.length === 0 ? undefined : Math.min(longestWaitMs, ...waits)
  }

  function look(name: string, entry: Entry, at: Now): void {
    const { item } = entry
    if (item === undefined || item.timing.kind === 'none') return
    const due = entry.due.check(at)
    const onStart = entry.startRun && entry.due.waiting !== undefined
    entry.startRun = entry.startRun && !onStart
    if (onStart) act(name, entry, item, { run: true }, at)
    else if (due !== undefined) act(name, entry, item, verdictOf(entry, item, due, at), at)
  }

  type Decision = { run: true; fun?: string } | { run: false; reason: string; hold?: true } | { error: string }

  function verdictOf(entry: Entry, item: Item, due: Due, at: Now): Decision {
    const verdict = judge(item, at.wall, due.at)
    if ('runAgainAt' in verdict && verdict.runAgainAt !== undefined) entry.due.addExplicit(verdict.runAgainAt)
    return verdict
  }

  function act(name: string, entry: Entry, item: Item, verdict: Decision, at: Now): void {
    const decision = blocked(item) ?? verdict
    const error = 'error' in decision ? `${decision.error}. Ignoring job ${name}.` : undefined
    entry.held = 'hold' in decision && item.timing.kind === 'interval'
    const { skipReason: _reason, skippedTime: _time, error: _error, ...status } = entry.status
    entry.status = status
    if (error !== undefined) {
      log.error({ schedule: name }, error)
      entry.status.error = error
    } else if ('reason' in decision) {
      log.debug({ schedule: name, reason: decision.reason }, 'A scheduled job was skipped')
      Object.assign(entry.status, { skipReason: decision.reason, skippedTime: at.wall })
    } else if ('run' in decision) {
      entry.status.lastRun = at.wall
      void run(item, decision.fun)
    }
    if (!entry.held) entry.due.done(at, 'run' in decision && decision.run ? 'ran' : 'skipped')
  }

  /** What keeps any run of an item from starting. */
  function blocked(item: Item): { run: false; reason: string } | undefined {
    if (!isTruthy(get(globals, 'enabled') ?? true) || !item.enabled) return { run: false, reason: 'disabled' }
    return (running.get(item.name) ?? 0) >= item.maxRunning ? { run: false, reason: 'maxrunning' } : undefined
  }

  /** The pillar, and with it what a job of it runs, is a master's word; so is what a master had added (modules/schedule.ts marks it). */
  function isFromMaster(item: Item, fun: string | undefined): boolean {
    if (!deps.hasMaster) return false
    const isOurs = Object.hasOwn(configured, item.key) || Object.hasOwn(own, item.key)
    if (!isOurs || get(item.data, 'from_master') === true) return true
    return fun !== undefined && fun === item.skipFunction && get(configured, 'skip_function') !== fun
  }

  function masterReturners({ data }: Item): string[] {
    const config = get(data, 'return_config')
    return listOf(get(deps.pillar(), 'schedule_returner')).filter((name) => !deps.hasMaster || deps.masterMayName(name, typeof config === 'string' ? config : undefined))
  }

  async function run(item: Item, fun?: string): Promise<void> {
    if (item.dryRun) return log.debug({ schedule: item.name }, 'A scheduled job has dry_run set, and is not run')
    running.set(item.name, (running.get(item.name) ?? 0) + 1)
    try {
      const scheduleReturner = [...deps.scheduleReturner, ...masterReturners(item)]
      const job = jobOf(item, { scheduleReturner, now: clock.now(), fromMaster: isFromMaster(item, fun), ...(fun === undefined ? {} : { fun }) })
      const { jid, over } = await deps.start(job, returnsToMaster(item) ? deps.master() : undefined)
      log.info({ schedule: item.name, jid, fun: job.fun }, 'Running scheduled job')
      await over
    } catch (error) {
      log.error({ schedule: item.name, err: error }, 'A scheduled job could not be started')
    } finally {
      const left = (running.get(item.name) ?? 1) - 1
      if (left > 0) running.set(item.name, left)
      else running.delete(item.name)
    }
  }

  sync()
  return {
    start() {
      started = true
      sync()
    },
    stop() {
      started = false
      cancel?.()
      cancel = undefined
    },
    configured: () => plainMap(configured),
    configure(schedule) {
      configured = plainMap(schedule)
      sync()
    },
    own: () => plainMap(own),
    setOwn(items) {
      own = plainMap(items)
      sync()
    },
    refresh: sync,
    fromPillar,
    status(name) {
      const entry = entries.get(name)
      if (entry === undefined) return {}
      const { waiting } = entry.due
      const { wall, monotonic } = now()
      const shift = waiting?.clock === 'monotonic' ? wall - monotonic : 0
      return {
        ...(waiting === undefined ? {} : { nextFireTime: waiting.base + shift }),
        ...(waiting === undefined || waiting.at === waiting.base ? {} : { splay: waiting.at + shift }),
        ...entry.status,
        ...(entry.error === undefined ? {} : { error: entry.error }),
      }
    },
    runNow(name) {
      const item = entries.get(name)?.item
      if (item === undefined || (running.get(item.name) ?? 0) >= item.maxRunning) return false
      void run(item)
      return true
    },
  }
}

function itemOf(entry: Entry): Item {
  if (entry.item === undefined) throw new Error('an item that cannot be read has no due time')
  return entry.item
}

/** @throws MsgpackError for what no return could hold: values within values, too deep. */
function identityOf(data: ValueObject, item: Item): string {
  const kept = Object.fromEntries(Object.entries(data).filter(([key]) => !key.startsWith('_') && !passing.has(key)))
  // What is not in the data itself: texts of the pillar's or the grains' whens, and the splay of all.
  const elsewhere = JSON.stringify([item.timing.kind === 'when' ? item.timing.dates : null, item.splay ?? null])
  return Buffer.from(encode([kept, elsewhere])).toString('latin1')
}

function listOf(value: Value | undefined): string[] {
  return (Array.isArray(value) ? value : [value]).filter((one): one is string => typeof one === 'string' && one !== '')
}

/** Milliseconds until the range of an item that is held begins today, or until it should be looked at again. */
function untilRange(item: Item, wall: number): number {
  if (item.range === undefined) return wallCheckMs
  const from = momentOf(item.range.invert ? item.range.end : item.range.start, wall)
  return from > wall ? Math.min(wallCheckMs, from - wall) : wallCheckMs
}
