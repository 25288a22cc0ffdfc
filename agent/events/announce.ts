import { startEventLoads } from './event.ts'
import type { StartSettings } from './event.ts'
import type { Clock } from '../clock.ts'
import type { Link } from '../link/port.ts'
import type { Logger } from '../log.ts'

/** What an announcement needs. */
export interface AnnounceParts {
  link: Link
  clock: Clock
  log: Logger
  /** Fetches the pillar, which also gives the master our grains. */
  refreshPillar: () => Promise<void>
}

/**
 * What is done after every connect: fetches the pillar with today's grains, then fires the start events. The master targets by the grains it
 * was given last, so they come first: who waits for the start event may target us at once.
 *
 * A stock minion does this on ws only once; a master that was restarted or replaced would then know nothing of it. What fails is
 * logged and left to the next connect. Never rejects.
 */
export function createAnnouncement(settings: () => StartSettings, parts: AnnounceParts): () => Promise<void> {
  const { link, clock, log } = parts

  async function step(what: string, act: () => Promise<unknown>): Promise<void> {
    try {
      await act()
    } catch (error) {
      log.warn({ what, reason: error instanceof Error ? error.message : String(error) }, 'the master could not be told after the connect')
    }
  }

  return async () => {
    await step('grains', parts.refreshPillar)
    for (const load of startEventLoads(settings(), clock.now())) await step('start event', () => link.request(load))
  }
}
