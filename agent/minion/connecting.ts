/** Which of the masters are connected at a time: all of them, or one after another. */
import { crc32 } from 'node:zlib'
import type { MinionConfig } from '../../config/schema.ts'
import type { Clock } from '../clock.ts'
import { createFailover, type Failover } from '../link/failover.ts'
import type { Link } from '../link/port.ts'
import type { Logger } from '../log.ts'
import type { MasterLink } from './masters.ts'

/** A master's link, and what is told to that master when it is connected. */
export interface JoinedLink extends MasterLink {
  announce: () => Promise<void>
}

export interface Connecting {
  /** Begins to connect. */
  start(): void
  stop(): Promise<void>
}

interface ConnectingParts {
  clock: Clock
  log: Logger
  isOwed: (link: Link) => boolean
}

/** Where no option says how often the first master is tried, and whether others are owed returns. */
const INTERVAL_MS = 60_000
/** How long a master is visited that gets its returns. */
const VISIT_MS = 300_000

/** All links at once with `master_type: str`, one at a time with the others. */
export function createConnecting(config: MinionConfig, links: readonly JoinedLink[], parts: ConnectingParts): Connecting {
  return isOneAtATime(config) ? oneAtATime(config, links, parts) : together(links)
}

/** Whether the next master is sought only when the one before cannot be had. */
export function isOneAtATime({ master_type: type }: Pick<MinionConfig, 'master_type'>): boolean {
  return type === 'failover' || type === 'distributed'
}

function together(links: readonly JoinedLink[]): Connecting {
  for (const { link, announce } of links) {
    link.onState((state) => {
      if (state === 'connected') void announce()
    })
  }
  return {
    start() {
      for (const { link } of links) link.start()
    },
    async stop() {
      await Promise.all(links.map(({ link }) => link.stop()))
    },
  }
}

function oneAtATime(config: MinionConfig, links: readonly JoinedLink[], { clock, log, isOwed }: ConnectingParts): Failover {
  const byLink = new Map(links.map((each) => [each.link, each]))
  const alive = config.master_alive_interval
  return createFailover(
    inOrder(links, config, () => clock.random()),
    {
      patienceMs: alive,
      failback: config.master_failback,
      failbackIntervalMs: config.master_failback_interval || alive || INTERVAL_MS,
      visitIntervalMs: INTERVAL_MS,
      visitMs: VISIT_MS,
      roundBaseMs: config.recon_default,
      roundCapMs: Math.max(config.recon_default, config.recon_max),
    },
    {
      clock,
      log: log.child({ part: 'failover' }),
      isOwed: ({ link }) => isOwed(link),
      onSettled: ({ link }) => void byLink.get(link)?.announce(),
    },
  )
}

/**
 * The order in which masters are tried (minion.py `eval_master`): as configured; shuffled with `random_master`, where the first keeps its
 * place if it is gone back to; with `distributed` the one first that the minion's id chooses (which Salt tries in vain: it hashes a text).
 */
export function inOrder<Master>(
  masters: readonly Master[],
  config: Pick<MinionConfig, 'id' | 'master_type' | 'random_master' | 'master_shuffle' | 'master_failback'>,
  random: () => number,
): Master[] {
  const chosen = config.master_type === 'distributed' ? crc32(config.id) % Math.max(1, masters.length) : 0
  const list = [...masters.slice(chosen, chosen + 1), ...masters.slice(0, chosen), ...masters.slice(chosen + 1)]
  if (!config.random_master && !config.master_shuffle) return list
  const kept = config.master_failback || config.master_type === 'distributed' ? list.splice(0, 1) : []
  for (let index = list.length - 1; index > 0; index -= 1) list.push(...list.splice(Math.floor(random() * (index + 1)), 1))
  return [...kept, ...list]
}
