import { isObject } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import { compoundMatch, nodegroupWords } from './compound.ts'
import { globMatch } from './glob.ts'
import { ipNetworkMatch } from './ip-network.ts'
import { regexMatch } from './python-regex.ts'
import { subdictMatch } from './subdict.ts'

/** What a target is held against. */
export interface Subject {
  id: string
  grains: ValueObject
  pillar: ValueObject
  /** The minion's own `nodegroups`, for `N@`. */
  nodegroups: ValueObject
}

/** A publication's target: `tgt`, `tgt_type` and `delimiter` as they came. */
export interface Target {
  tgt: Value
  type: string
  delimiter?: string
}

/**
 * Whether a publication is for this minion (Salt: minion.py, matchers/*). A type that we do not have is not for us: the
 * master then shows that this minion did not return. Never throws, whatever the target is.
 */
export function isTargeted(target: Target, subject: Subject): boolean {
  try {
    return matchType(target.type, target.tgt, target.delimiter, subject) === true
  } catch {
    return false
  }
}

/** Undefined: no such type. The delimiter counts for grain, grain_pcre and pillar, and in compound words, as in Salt. */
function matchType(type: string, tgt: Value, delimiter: string | undefined, subject: Subject): boolean | undefined {
  if (type === 'list') return listMatch(tgt, subject.id)
  if (type === 'compound') return compoundMatch(tgt, subject.nodegroups, (engine, pattern, mark) => matchText(engine, pattern, mark, subject))
  if (typeof tgt !== 'string') return undefined
  if (type === 'nodegroup') return nodegroupMatch(tgt, subject)
  return matchText(type, tgt, type.startsWith('pillar_') ? undefined : delimiter, subject)
}

function matchText(type: string, pattern: string, delimiter: string | undefined, subject: Subject): boolean | undefined {
  const mark = delimiter === undefined || delimiter === '' ? ':' : delimiter
  switch (type) {
    case 'glob':
      return globMatch(subject.id, pattern)
    case 'pcre':
      return regexMatch(pattern, subject.id)
    case 'list':
      return listMatch(pattern, subject.id)
    case 'grain':
      return subdictMatch(subject.grains, pattern, mark, 'glob')
    case 'grain_pcre':
      return subdictMatch(subject.grains, pattern, mark, 'regex')
    case 'pillar':
      return subdictMatch(subject.pillar, pattern, mark, 'glob')
    case 'pillar_pcre':
      return subdictMatch(subject.pillar, pattern, mark, 'regex')
    case 'pillar_exact':
      return subdictMatch(subject.pillar, pattern, mark, 'exact')
    case 'ipcidr':
      return ipNetworkMatch(pattern, subject.grains)
    default:
      return undefined
  }
}

/** `a,b,c` or a list; ids as they stand, nothing is trimmed (matchers/list_match.py). */
function listMatch(tgt: Value, id: string): boolean {
  if (typeof tgt === 'string') return tgt.split(',').includes(id)
  return Array.isArray(tgt) && tgt.includes(id)
}

function nodegroupMatch(name: string, subject: Subject): boolean {
  if (!isObject(subject.nodegroups)) return false
  const words = nodegroupWords(name, subject.nodegroups, [])
  return compoundMatch(words, {}, (engine, pattern, mark) => matchText(engine, pattern, mark, subject))
}
