import { entries, get, isMap } from '../wire/value.ts'
import type { Value } from '../wire/value.ts'
import { globMatch } from './glob.ts'
import { pythonStr } from './python-text.ts'
import { PatternError, regexMatch } from './python-regex.ts'
import { traverse } from './traverse.ts'

export type ValueMatch = 'glob' | 'regex' | 'exact'

/** More splits than any real target has; the work grows with their square. */
const maxSplits = 64

/**
 * Salt's matching of grains and pillar (utils/data.py, subdict_match): `os:Deb*`, `a:b:c`, `*:x`. The longest key is tried
 * first (`a:b` with value `c`, then `a` with value `b:c`); both sides are compared as lower-cased Python text; a list
 * matches by any member; a map by a key, by `*`, or deeper; a leading `*:` stands for one level of keys.
 *
 * @throws PatternError for a regular expression that is none, that JavaScript does not have, or that takes too long
 */
export function subdictMatch(data: Value, expression: string, delimiter: string, how: ValueMatch): boolean {
  return matchAt(data, expression, delimiter, how, 0)
}

function matchAt(data: Value, expression: string, delimiter: string, how: ValueMatch, depth: number): boolean {
  const splits = expression.split(delimiter)
  if (splits.length < 2 || splits.length > maxSplits || depth > maxSplits) return false
  for (let at = splits.length - 1; at > 0; at--) {
    const key = splits.slice(0, at).join(delimiter)
    const everything = key === '*'
    const found = everything ? data : traverse(data, key, delimiter)
    const wanted = everything ? expression : splits.slice(at).join(delimiter)
    if (found !== undefined && matchFound(found, wanted, how, depth)) return true
  }
  return false
}

function matchFound(found: Value, wanted: string, how: ValueMatch, depth: number): boolean {
  if (isMap(found)) return entries(found).length > 0 && matchMap(found, wanted, how, depth)
  if (!Array.isArray(found)) return matchValue(found, wanted, how)
  return found.some((member) => (isMap(member) && matchMap(member, wanted, how, depth)) || matchValue(member, wanted, how))
}

/** Below the first level the delimiter is always a colon, as in Salt. */
function matchMap(map: Value, wanted: string, how: ValueMatch, depth: number): boolean {
  const wildcard = wanted.startsWith('*:')
  const pattern = wildcard ? wanted.slice(2) : wanted
  if (pattern === '*' || get(map, pattern) !== undefined) return true
  if (matchAt(map, pattern, ':', how, depth + 1)) return true
  if (!wildcard || !isMap(map)) return false
  return entries(map).some(([, item]) => {
    if (isMap(item)) return depth < maxSplits && matchMap(item, pattern, how, depth + 1)
    if (Array.isArray(item)) return item.some((member) => matchValue(member, pattern, how))
    return matchValue(item, pattern, how)
  })
}

function matchValue(value: Value, wanted: string, how: ValueMatch): boolean {
  const text = pythonStr(value).toLowerCase()
  const pattern = wanted.toLowerCase()
  switch (how) {
    case 'glob':
      return globMatch(text, pattern)
    case 'regex':
      return regexMatch(pattern, text) ?? unevaluable(pattern)
    case 'exact':
      return text === pattern
    default: {
      const never: never = how
      return never
    }
  }
}

/** Ends the whole match: the next value of a list would take as long again, and a `not` before it must not turn it into a match. */
function unevaluable(pattern: string): never {
  throw new PatternError(`no result for ${pattern.slice(0, 100)}`)
}
