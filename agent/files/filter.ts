import { globMatch } from '../matchers/glob.ts'
import { regexSearch } from '../matchers/python-regex.ts'
import type { FileFilter } from './port.ts'
import type { Value } from '../wire/value.ts'

/** Whether a path passes a filter (Salt: utils/stringutils.py `check_include_exclude`). An absent pattern lets all pass. */
export function passes(path: string, { include, exclude }: FileFilter): boolean {
  const included = patterns(include)
  const excluded = patterns(exclude)
  if (included.length > 0 && !included.some((pattern) => matches(path, pattern))) return false
  return !excluded.some((pattern) => matches(path, pattern))
}

function patterns(value: Value | undefined): string[] {
  const list = Array.isArray(value) ? value : [value]
  return list.filter((item) => typeof item === 'string' && item !== '') as string[]
}

function matches(path: string, pattern: string): boolean {
  return pattern.startsWith('E@') ? regexSearch(pattern.slice(2), path) === true : globMatch(path, pattern)
}
