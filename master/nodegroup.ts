/** The master's `nodegroups` in targets: minions do not know them, so they are written out before a job is published. */
import { nodegroupWords } from '../agent/matchers/compound.ts'
import { targetFault } from '../agent/matchers/fault.ts'
import type { ValueObject } from '../agent/wire/value.ts'
import { suggestName } from '../config/problems.ts'
import type { Target } from './expect.ts'

/** A target that no minion could match, whichever there are. */
export class TargetError extends Error {
  override name = 'TargetError'
}

/**
 * A target with the master's groups written out: one of type nodegroup becomes a compound one, as Salt's client makes it, and so does
 * `N@group` in a compound one.
 *
 * @throws TargetError when there is no such group, or the target is malformed
 */
export function expandNodegroups<T extends Target>(target: T, nodegroups: ValueObject): T {
  const written = writeOut(target, nodegroups)
  const fault = targetFault(written.tgt_type, written.tgt, written.delimiter)
  if (fault === undefined) return written
  const { tgt, tgt_type: type } = target
  throw new TargetError(type === 'nodegroup' && typeof tgt === 'string' ? `The nodegroup ${tgt} is wrong: ${fault}` : `The target is wrong: ${fault}`)
}

function writeOut<T extends Target>(target: T, nodegroups: ValueObject): T {
  const { tgt, tgt_type: type } = target
  if (type === 'nodegroup') return { ...target, tgt: wordsOfGroup(typeof tgt === 'string' ? tgt : '', nodegroups), tgt_type: 'compound' }
  if (type !== 'compound' || typeof tgt !== 'string' || !/(?:^|\s)N@/.test(tgt)) return target
  const words = tgt.split(/\s+/).filter((word) => word !== '')
  return { ...target, tgt: words.flatMap((word) => (word.startsWith('N@') ? wordsOfGroup(word.slice(2), nodegroups) : [word])) }
}

function wordsOfGroup(name: string, nodegroups: ValueObject): string[] {
  const words = nodegroupWords(name, nodegroups, [])
  if (words.length > 0) return words
  const names = Object.keys(nodegroups)
  const near = suggestName(name, names)
  const known = near !== undefined ? `did you mean ${near}?` : names.length === 0 ? 'the master has none' : `there are ${names.toSorted().join(', ')}`
  throw new TargetError(`Node group ${name} unavailable: it is not among the master's nodegroups; ${known}`)
}
