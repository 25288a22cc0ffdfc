import type { Value } from '../agent/wire/value.ts'
import type { KnownData } from './minion-data.ts'

/** Whom a publication is for, as it goes over the wire. */
export interface Target {
  tgt: Value
  tgt_type: string
  delimiter?: string
}

/** What this master knows of a minion: `data` from its last pillar request, null when it never asked. */
export interface KnownMinion {
  id: string
  data: KnownData | null
}

/** Decides as the minion itself would; false for a type it cannot evaluate. */
export type Matches = (target: Target, minion: { id: string } & KnownData) => boolean

/** Target types that look at the id alone. */
const byId = new Set(['glob', 'pcre', 'list'])

/**
 * Which accepted minions should answer. One of which nothing is known is expected whenever the target looks at more
 * than its id, as Salt does (`greedy`): better to wait for it in vain than to miss its return.
 */
export function expectedMinions(target: Target, accepted: KnownMinion[], matches: Matches): string[] {
  const expected = accepted.filter(({ id, data }) => {
    if (data === null && !byId.has(target.tgt_type)) return true
    return matches(target, { id, ...(data ?? { grains: {}, pillar: {} }) })
  })
  return expected.map(({ id }) => id).toSorted()
}
