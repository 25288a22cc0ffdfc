/** How a function changes the fixed grains: the file, then the grains there are, then what the master knows of them. */
import type { Grains } from '../grains/grains.ts'
import { changeGrainsFile } from '../grains/grains-file.ts'
import type { AgentServices } from '../modules/services.ts'
import type { PillarKeeper } from '../pillar/keeper.ts'
import { encode } from '../wire/msgpack.ts'

/** Changes that wait for each other, so that none reads what another is about to replace. */
export function createGrainsChange(configDir: string, grains: Pick<Grains, 'current' | 'refresh'>, pillar: Pick<PillarKeeper, 'refresh'>): AgentServices['changeGrains'] {
  let last: Promise<unknown> = Promise.resolve()
  return (decide, { refreshPillar }) => {
    const next = last.then(async () => {
      const { set, answer } = decide(grains.current())
      if (set.length === 0) return answer
      // What no master could be sent must not stay in the file.
      encode(set.map(([name, value]) => [name, value ?? null]))
      changeGrainsFile(configDir, set)
      await grains.refresh({ quick: true })
      if (refreshPillar) await pillar.refresh()
      return answer
    })
    last = next.catch(() => undefined)
    return next
  }
}
