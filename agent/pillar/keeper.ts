import type { Link } from '../link/port.ts'
import type { Logger } from '../log.ts'
import type { ValueObject } from '../wire/value.ts'
import { requestPillar } from './pillar.ts'

/** The pillar of the last answer, and how to get a newer one. */
export interface PillarKeeper {
  current(): ValueObject
  /** Asks this master, and gives it our grains. Rejects when it does not answer. */
  fetch(link: Link): Promise<void>
  /** Asks the first connected master. Resolves false when none gave it. */
  refresh(): Promise<boolean>
}

/** A keeper with an empty pillar until a master gives one. `grains`: today's, given to the master with each question. */
export function createPillarKeeper(id: string, grains: () => ValueObject, links: readonly Link[], log: Logger): PillarKeeper {
  let pillar: ValueObject = {}
  async function fetch(link: Link): Promise<void> {
    pillar = await requestPillar(link, { id, grains: grains(), saltenv: null, pillarenv: null })
  }
  return {
    current: () => pillar,
    fetch,
    async refresh() {
      const connected = links.find((link) => link.state === 'connected')
      if (connected === undefined) return false
      try {
        await fetch(connected)
        return true
      } catch (error) {
        log.warn({ err: error }, 'the pillar could not be had')
        return false
      }
    },
  }
}
