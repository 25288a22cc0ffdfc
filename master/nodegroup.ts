/** The master's `nodegroups` in targets: minions do not know them, so they are written out before a job is published. */
import { nodegroupWords } from '../agent/matchers/compound.ts'
import type { ValueObject } from '../agent/wire/value.ts'
import type { Target } from './expect.ts'

/**
 * A target with the master's groups written out: one of type nodegroup becomes a compound one, as Salt's client makes it, and so does
 * `N@group` in a compound one. A group that only a minion may know stays.
 *
 * @throws Error when there is no such group
 */
export function expandNodegroups<T extends Target>(target: T, nodegroups: ValueObject): T {
  const { tgt, tgt_type: type } = target
  if (type === 'nodegroup') {
    const name = typeof tgt === 'string' ? tgt : ''
    const words = nodegroupWords(name, nodegroups, [])
    if (words.length === 0) throw new Error(`Node group ${name} unavailable: it is not among the master's nodegroups`)
    return { ...target, tgt: words, tgt_type: 'compound' }
  }
  if (type !== 'compound' || typeof tgt !== 'string' || !/(?:^|\s)N@/.test(tgt)) return target
  const words = tgt.split(/\s+/).filter((word) => word !== '')
  const written = words.flatMap((word) => {
    const inside = word.startsWith('N@') ? nodegroupWords(word.slice(2), nodegroups, []) : []
    return inside.length > 0 ? inside : [word]
  })
  return { ...target, tgt: written }
}
