import type { Logger } from '../log.ts'
import type { CompilePillar } from '../pillar-roots/compile.ts'
import type { ValueObject } from '../wire/value.ts'
import type { PillarQuestion, PillarSettings, WatchedPillar } from './keeper.ts'

/**
 * The pillar of a minion without a master (Salt: pillar/__init__.py, `get_pillar` with `file_client: local`): compiled from files of
 * this host, empty until the first `refresh`. `compiler` is asked when a pillar is first wanted. External pillars are not compiled.
 */
export function createLocalPillar(
  { id, saltenv, pillarenv }: PillarSettings,
  grains: () => ValueObject,
  compiler: () => Promise<CompilePillar>,
  log: Logger,
): WatchedPillar {
  let pillar: ValueObject = {}
  const listeners: (() => void)[] = []

  async function compile({ ext, ...question }: PillarQuestion): Promise<ValueObject> {
    if (ext !== undefined) log.warn({}, 'There are no external pillars here: the pillar is compiled without')
    const make = await compiler()
    return make({ id, grains: grains(), saltenv, pillarenv, override: {}, ...question })
  }

  async function refresh(): Promise<boolean> {
    try {
      pillar = await compile({})
    } catch (error) {
      log.error({ err: error }, 'The pillar could not be compiled')
      return false
    }
    for (const listener of listeners) listener()
    return true
  }

  return {
    current: () => pillar,
    fetch: async () => void (await refresh()),
    refresh,
    compile,
    onChange: (listener) => void listeners.push(listener),
  }
}
