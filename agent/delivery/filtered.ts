/** Returns that a returner's filter left out: no deliveries, but counted, and said to who asked for the returner. */
import type { Logger } from '../log.ts'
import type { JobReturn } from '../wire/job-return.ts'
import { isSuccess } from './encode-return.ts'
import type { ReturnerCatalogue, ReturnFacts, Routing } from './port.ts'

/** What one destination's filter left out since the agent started. */
export interface FilteredReport {
  destination: string
  count: number
  /** Why the last one was. */
  last: string
}

export interface Filters {
  /** The routing without the destinations whose filters leave this return out; who asked for one of them finds why in its errors. */
  apply(ret: JobReturn, routing: Routing, isPublished: boolean): Routing
  report(): FilteredReport[]
}

/** Asks the catalogue about each destination that is a returner. */
export function createFilters(catalogue: Pick<ReturnerCatalogue, 'leftOut'>, logger: Logger): Filters {
  const counts = new Map<string, FilteredReport>()

  function count(destination: string, reason: string): void {
    const before = counts.get(destination)?.count ?? 0
    counts.set(destination, { destination, count: before + 1, last: reason })
  }

  return {
    apply(ret, routing, isPublished) {
      const facts: ReturnFacts = { fun: ret.fun, success: isSuccess(ret.success), source: sourceOf(ret, routing, isPublished) }
      const errors = Object.assign(Object.create(null) as Record<string, string>, routing.errors)
      const destinations = routing.destinations.filter((ref) => {
        const reason = ref.kind === 'master' ? null : (catalogue.leftOut?.(ref, facts) ?? null)
        if (reason === null) return true
        count(ref.name, reason)
        logger.debug({ jid: ret.jid, destination: ref.name, reason }, 'a return is left out by the filter of its returner')
        const asked = routing.asked?.get(ref.name)
        if (asked !== undefined) errors[asked] = `left out by the filter of this returner: ${reason}`
        return false
      })
      return destinations.length === routing.destinations.length ? routing : { ...routing, destinations, errors }
    },
    report: () => [...counts.values()],
  }
}

/** A job of the schedule is one, whoever set it. What a master did not ask for was asked for on this host. */
function sourceOf(ret: JobReturn, { fromMaster }: Routing, isPublished: boolean): ReturnFacts['source'] {
  if (ret.schedule !== undefined) return 'schedule'
  return isPublished && fromMaster === true ? 'master' : 'call'
}
