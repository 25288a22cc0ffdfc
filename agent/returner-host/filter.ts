import type { ReturnFacts } from '../delivery/port.ts'
import { globMatch } from '../matchers/glob.ts'
import type { Filter } from './rules.ts'

/**
 * Why a return does not go to a returner with this filter; null when it does. Of a job of several functions one that passes is enough:
 * its return is one record.
 */
export function leftOutBy(filter: Filter | undefined, { fun, success, source }: ReturnFacts): string | null {
  if (filter === undefined) return null
  if (filter.sources !== undefined && !filter.sources.includes(source)) return `it came from ${source}`
  if (filter.success !== 'all' && success !== (filter.success === 'succeeded')) return success ? 'it succeeded' : 'it failed'
  const functions = typeof fun === 'string' ? [fun] : fun
  const reasons = functions.map((name) => functionFault(filter, name))
  return reasons.includes(null) ? null : (reasons[0] ?? null)
}

function functionFault({ include, exclude }: Filter, fun: string): string | null {
  const excluding = exclude.find((glob) => globMatch(fun, glob))
  if (excluding !== undefined) return `${fun} is excluded (${excluding})`
  return include === undefined || include.some((glob) => globMatch(fun, glob)) ? null : `${fun} is not included`
}
