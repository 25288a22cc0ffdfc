import type { Value, ValueObject } from '../agent/wire/value.ts'

/** Whom a publication is for, as it goes over the wire. */
export interface Target {
  tgt: Value
  tgt_type: string
  delimiter?: string
}

/** What this master knows of a minion: `grains` from its last pillar request, null when it never asked. */
export interface KnownMinion {
  id: string
  grains: ValueObject | null
}

/** Decides as the minion itself would; false for a type it cannot evaluate. */
export type Matches = (target: Target, minion: { id: string; grains: ValueObject }) => boolean

/** Target types that look at the id alone. */
const byId = new Set(['glob', 'pcre', 'list'])

/**
 * Which accepted minions should answer. One whose grains are not known is expected whenever the target looks at more
 * than its id, as Salt does (`greedy`): better to wait for it in vain than to miss its return.
 */
export function expectedMinions(target: Target, accepted: KnownMinion[], matches: Matches): string[] {
  const expected = accepted.filter(({ id, grains }) => {
    if (grains === null && !byId.has(target.tgt_type)) return true
    return matches(target, { id, grains: grains ?? {} })
  })
  return expected.map(({ id }) => id).toSorted()
}
