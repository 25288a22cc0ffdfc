/** What the running agent does for `brine call`. */
import type { CallServer } from '../control/call-methods.ts'
import { ControlError } from '../control/protocol.ts'
import type { Delivery } from '../delivery/delivery.ts'
import type { Jobs } from '../jobs/jobs.ts'
import type { Link } from '../link/port.ts'
import type { PillarKeeper } from '../pillar/keeper.ts'
import { isObject, type Value, type ValueObject } from '../wire/value.ts'

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
    // Nothing of it but what a pillar's request takes is passed on.
    compile: ({ saltenv, pillarenv, override, ext }) =>
      pillar.compile({ ...textOf({ saltenv, pillarenv }), ...mapOf({ override, ext }) }),
    request(load, timeoutMs) {
      const link = linkFor(undefined)
      if (link?.state !== 'connected') return Promise.reject(new ControlError('NO_MASTER', 'No master is connected: nothing was asked or told.'))
      return link.request(load, timeoutMs === undefined ? {} : { timeoutMs })
    },
    run: (load) => jobs.runLocal(load),
    async accept(ret, returners, toMaster) {
      const routing = await delivery.intake.route(returners, toMaster ? linkFor(undefined)?.fingerprint : undefined)
      const volatile = await delivery.intake.accept(ret, routing)
      return { destinations: routing.destinations.map(({ name }) => name), errors: routing.errors, ...(volatile !== undefined && { volatile }) }
    },
  }
}

function textOf<Name extends string>(given: Record<Name, Value | undefined>): Partial<Record<Name, string | null>> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => typeof value === 'string' || value === null)) as Partial<Record<Name, string | null>>
}

function mapOf<Name extends string>(given: Record<Name, Value | undefined>): Partial<Record<Name, ValueObject>> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => isObject(value))) as Partial<Record<Name, ValueObject>>
}
