import { isObject } from '../wire/value.ts'
import type { Link } from '../link/port.ts'
import type { ValueObject } from '../wire/value.ts'

export interface PillarRequest {
  id: string
  /** All of them: the master caches them, and targets by what it has cached. */
  grains: ValueObject
  /** Salt's `saltenv` and `pillarenv`; null for none. */
  saltenv: string | null
  pillarenv: string | null
  /** Merged over the master's own. */
  override?: ValueObject
  /** An external pillar for this answer alone, as the master's `ext_pillar` names one. */
  ext?: ValueObject
}

/** Salt gives a pillar a minute to be compiled; a busy master needs it. */
const PILLAR_TIMEOUT_MS = 60_000

/** The load of a `_pillar` request (pillar/__init__.py `AsyncRemotePillar`). */
export function pillarLoad(request: PillarRequest): ValueObject {
  return {
    id: request.id,
    grains: request.grains,
    saltenv: request.saltenv,
    pillarenv: request.pillarenv,
    pillar_override: request.override ?? {},
    extra_minion_data: {},
    ver: '2',
    cmd: '_pillar',
    ...(request.ext === undefined ? {} : { ext: request.ext }),
  }
}

/**
 * Asks the master for this minion's pillar and gives it our grains. The answer was sealed for this minion, signed by the master and
 * bound to the request before it is returned.
 *
 * @throws LinkError or TransportError when there is no answer to be believed; Error when it is not a map.
 */
export async function requestPillar(link: Link, request: PillarRequest, signal?: AbortSignal): Promise<ValueObject> {
  const options = { timeoutMs: PILLAR_TIMEOUT_MS, ...(signal === undefined ? {} : { signal }) }
  const pillar = await link.requestPrivate(pillarLoad(request), 'pillar', options)
  if (!isObject(pillar)) throw new Error('the master\'s pillar is not a map with text keys')
  return pillar
}
