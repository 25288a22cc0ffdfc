import type { Outbox } from '../outbox/port.ts'
import type { Logger } from '../log.ts'
import { messageOf } from './bounded-send.ts'
import { toNewReturn } from './encode-return.ts'
import type { Filters } from './filtered.ts'
import type { ReturnIntake } from './port.ts'
import { route } from './route.ts'
import type { RouteDeps, RouteSettings } from './route.ts'
import { isStoreUnavailable } from './settler.ts'
import type { VolatileReturns } from './volatile-returns.ts'

export interface IntakeDeps extends RouteDeps {
  outbox: Outbox
  logger: Logger
  volatile: VolatileReturns
  filters: Filters
}

/**
 * The one way in. Filters are asked first: what they leave out was never accepted for that destination.
 * A return goes to the store and nowhere else; the lanes send only what they claim from there. When the store
 * cannot take it, it is held in memory and goes to its master at once (volatile-returns.ts).
 */
export function createIntake(settings: RouteSettings, deps: IntakeDeps): ReturnIntake {
  return {
    route: (request, master) => route(request, master, settings, deps),
    async accept(ret, routing, job) {
      const accepted = toNewReturn(ret, deps.filters.apply(ret, routing, job !== undefined), deps.outbox.fits, job)
      try {
        await deps.outbox.accept(accepted)
        return undefined
      } catch (error) {
        if (!isStoreUnavailable(error)) deps.logger.error({ err: error, jid: accepted.jid }, 'the outbox failed inside')
        const reason = messageOf(error)
        deps.volatile.hold(accepted, reason)
        return reason
      }
    },
  }
}
