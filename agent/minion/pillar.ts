/** The pillar as the configuration wants it: the master's, or compiled from `pillar_roots` of this host. */
import { isMasterless } from '../../config/masterless.ts'
import type { MinionConfig } from '../../config/schema.ts'
import type { Link } from '../link/port.ts'
import type { Logger } from '../log.ts'
import { createPillarKeeper, type PillarSettings, type WatchedPillar } from '../pillar/keeper.ts'
import { createLocalPillar } from '../pillar/local.ts'
import type { CompilePillar } from '../pillar-roots/compile.ts'
import type { ValueObject } from '../wire/value.ts'

/** The minion's pillar, empty until it is asked for. The compiler is loaded only where there is no master. */
export function createMinionPillar(config: MinionConfig, grains: () => ValueObject, links: readonly Link[], log: Logger): WatchedPillar {
  const settings = pillarSettings(config)
  if (!isMasterless(config)) return createPillarKeeper(settings, grains, links, log)
  let made: CompilePillar | undefined
  async function compiler(): Promise<CompilePillar> {
    const { makePillarCompiler } = await import('../pillar-roots/compile.ts')
    made ??= makePillarCompiler(config, log)
    return made
  }
  return createLocalPillar(settings, grains, compiler, log)
}

/** The environments that the pillar is asked for with, as Salt's minion does (minion.py, `get_pillar`). */
function pillarSettings(config: MinionConfig): PillarSettings {
  const { id, saltenv, pillarenv } = config
  return { id, saltenv, pillarenv: pillarenv ?? (config.pillarenv_from_saltenv ? saltenv : null) }
}
