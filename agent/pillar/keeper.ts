import type { Link } from '../link/port.ts'
import type { Logger } from '../log.ts'
import type { ValueObject } from '../wire/value.ts'
import { type PillarRequest, requestPillar } from './pillar.ts'

/** What may be asked of a pillar that is compiled for one answer. */
export type PillarQuestion = Partial<Pick<PillarRequest, 'saltenv' | 'pillarenv' | 'override' | 'ext'>>

/** The pillar of the last answer, and how to get a newer one. */
export interface PillarKeeper {
  current(): ValueObject
  /** Asks this master, and gives it our grains. Rejects when it does not answer. */
  fetch(link: Link): Promise<void>
  /** Asks the first connected master. Resolves false when none gave it. */
  refresh(): Promise<boolean>
  /**
   * A pillar compiled for this answer alone; the current one stays. Undefined when no master is connected.
   *
   * @throws LinkError or TransportError when the master does not answer
   */
  compile(question: PillarQuestion): Promise<ValueObject | undefined>
}

/** A pillar that tells of its changes. */
export interface WatchedPillar extends PillarKeeper {
  /** Called after each answer that became the current pillar. */
  onChange(listener: () => void): void
}

/** Whose pillar, and the options `saltenv` and `pillarenv`. */
export interface PillarSettings {
  id: string
  saltenv: string | null
  pillarenv: string | null
}

/** A keeper with an empty pillar until a master gives one. `grains`: today's, given to the master with each question. */
export function createPillarKeeper({ id, saltenv, pillarenv }: PillarSettings, grains: () => ValueObject, links: readonly Link[], log: Logger): WatchedPillar {
  let pillar: ValueObject = {}
  const listeners: (() => void)[] = []
  const ask = (link: Link, question: PillarQuestion): Promise<ValueObject> =>
    requestPillar(link, { id, grains: grains(), saltenv, pillarenv, ...question })
  const connected = (): Link | undefined => links.find((link) => link.state === 'connected')

  async function fetch(link: Link): Promise<void> {
    pillar = await ask(link, {})
    for (const listener of listeners) listener()
  }
  return {
    current: () => pillar,
    fetch,
    async refresh() {
      const link = connected()
      if (link === undefined) return false
      try {
        await fetch(link)
        return true
      } catch (error) {
        log.warn({ err: error }, 'the pillar could not be had')
        return false
      }
    },
    async compile(question) {
      const link = connected()
      return link === undefined ? undefined : ask(link, question)
    },
    onChange: (listener) => void listeners.push(listener),
  }
}
