import { startEventLoads } from './event.ts'
import type { StartSettings } from './event.ts'
import type { Clock } from '../clock.ts'
import type { Link } from '../link/port.ts'
import type { Logger } from '../log.ts'

/** What is done after every connect, in this order; each named for the log. */
export interface AnnounceParts {
  link: Link
  clock: Clock
  log: Logger
  /** Fetches the pillar, which also gives the master our grains. */
  refreshPillar: () => Promise<void>
}

/**
 * After every connect: fetches the pillar with today's grains, then fires the start events. The master targets by the grains it
 * was given last, so they come first: who waits for the start event may target us at once.
 *
 * A stock minion does this on ws only once; a master that was restarted or replaced would then know nothing of it. What fails is
 * logged and left to the next connect.
 */
export function announceOnConnect(settings: () => StartSettings, parts: AnnounceParts): void {
  const { link, clock, log } = parts

  async function step(what: string, act: () => Promise<unknown>): Promise<void> {
    try {
      await act()
    } catch (error) {
      log.warn({ what, reason: error instanceof Error ? error.message : String(error) }, 'the master could not be told after the connect')
    }
  }

  async function announce(): Promise<void> {
    await step('grains', parts.refreshPillar)
    for (const load of startEventLoads(settings(), clock.now())) await step('start event', () => link.request(load))
  }

  link.onState((state) => {
    if (state === 'connected') void announce()
  })
}
