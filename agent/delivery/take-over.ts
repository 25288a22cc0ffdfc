/**
 * Another master takes the returns of one that stays away, where the site wants that (`delivery.other_master_after`).
 *
 * A master's returns: with it while its link is connected; waiting since it was not; moved to the first connected master once that lasted
 * `afterMs`. A moved return belongs to the other master: it is settled there, once, and the lost one does not get it when it is back.
 */
import type { Clock } from '../clock.ts'
import type { Link } from '../link/port.ts'
import type { Logger } from '../log.ts'
import type { DestinationRef, Outbox } from '../outbox/port.ts'
import type { Alarms } from './alarms.ts'
import { messageOf } from './bounded-send.ts'

export interface TakeOverDeps {
  outbox: Outbox
  clock: Clock
  logger: Logger
  alarms: Alarms
  linkOf: (ref: DestinationRef) => Link | undefined
  /** The destination of a master that is connected; undefined while none is. */
  connected: () => DestinationRef | undefined
}

export interface TakeOver {
  start(): void
  /** Returns that were moved since the agent started. */
  readonly moved: number
  stop(): void
}

/** How often it is looked who is away, at most, milliseconds. */
const LOOK_MS = 5000

/** `afterMs` 0: nothing is ever moved. */
export function createTakeOver(afterMs: number, deps: TakeOverDeps): TakeOver {
  const { outbox, clock, logger, alarms } = deps
  const awaySince = new Map<string, number>()
  let moved = 0
  let cancel: (() => void) | undefined
  let stopped = false

  function lookLater(): void {
    if (stopped || afterMs === 0) return
    cancel = clock.timer(Math.min(LOOK_MS, afterMs), () => {
      look().catch((error: unknown) => logger.warn({ reason: messageOf(error) }, 'returns of a lost master could not be moved'))
        .finally(lookLater)
    })
  }

  async function look(): Promise<void> {
    const waiting = outbox.queuedDestinations().filter(({ kind }) => kind === 'master')
    for (const name of awaySince.keys()) if (!waiting.some((ref) => ref.name === name)) awaySince.delete(name)
    for (const ref of waiting) if (isOverdue(ref)) await move(ref)
  }

  function isOverdue(ref: DestinationRef): boolean {
    if (deps.linkOf(ref)?.state === 'connected') {
      awaySince.delete(ref.name)
      return false
    }
    const since = awaySince.get(ref.name) ?? clock.monotonic()
    awaySince.set(ref.name, since)
    return clock.monotonic() - since >= afterMs
  }

  /** What is under way this moment is left: nobody must get it twice. */
  async function move(from: DestinationRef): Promise<void> {
    const to = deps.connected()
    if (to === undefined || to.name === from.name) return
    const count = await outbox.retry({ destination: from.name, state: 'queued', unclaimed: true }, to)
    if (count === 0) return
    moved += count
    logger.warn({ from: from.name, to: to.name, count }, 'another master takes the returns of one that is away')
    alarms.occur(to.name, 'taken-over', `returns of ${from.name}`, count)
  }

  return {
    start: lookLater,
    get moved() {
      return moved
    },
    stop() {
      stopped = true
      cancel?.()
    },
  }
}
