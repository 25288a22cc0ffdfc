/** What the running agent does for `brine call`. */
import type { CallServer } from './control/call-methods.ts'
import { ControlError } from './control/protocol.ts'
import type { Delivery } from './delivery/delivery.ts'
import type { Jobs } from './jobs/jobs.ts'
import type { Link } from './link/port.ts'
import type { PillarKeeper } from './pillar/keeper.ts'

interface CallParts {
  jobs: Pick<Jobs, 'runLocal'>
  delivery: Pick<Delivery, 'intake'>
  pillar: PillarKeeper
  linkFor: (fingerprint: string | undefined) => Link | undefined
}

/** Joins the parts of the agent that a call needs. */
export function createCallServer({ jobs, delivery, pillar, linkFor }: CallParts): CallServer {
  return {
    async pillar() {
      await pillar.refresh()
      return pillar.current()
    },
    request(load, timeoutMs) {
      const link = linkFor(undefined)
      if (link?.state !== 'connected') return Promise.reject(new ControlError('NO_MASTER', 'No master is connected: nothing was asked or told.'))
      return link.request(load, timeoutMs === undefined ? {} : { timeoutMs })
    },
    run: (load) => jobs.runLocal(load),
    async accept(ret, returners, toMaster) {
      const routing = await delivery.intake.route(returners, toMaster ? linkFor(undefined)?.fingerprint : undefined)
      await delivery.intake.accept(ret, routing)
      return { destinations: routing.destinations.map(({ name }) => name), errors: routing.errors }
    },
  }
}
