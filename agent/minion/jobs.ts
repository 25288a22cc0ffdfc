/** The jobs of the agent: joined to the functions there are, the outbox and the delivery of returns. */
import type { Delivery } from '../delivery/delivery.ts'
import { masterDestinationName } from '../delivery/destination-name.ts'
import { createJobs, type Jobs } from '../jobs/jobs.ts'
import { createModules, type ModuleParts } from './modules.ts'
import type { Outbox } from '../outbox/port.ts'

/** What the jobs are joined to. */
export interface JobParts extends ModuleParts {
  outbox: Outbox
  delivery: Delivery
}

/** The jobs with the functions there are. */
export function createMinionJobs(parts: JobParts): Jobs {
  const { clock, outbox, delivery, grains, pillar } = parts
  const log = parts.log.child({ part: 'jobs' })
  const { settings, runner, registry, services } = createModules({
    ...parts,
    log,
    async refreshReturners() {
      await parts.refreshReturners()
      delivery.refresh()
    },
  })
  return createJobs(
    settings,
    {
      clock,
      log,
      ledger: outbox,
      intake: delivery.intake,
      answers: delivery.answers,
      registry,
      runner,
      grains: () => grains.current(),
      pillar: () => pillar.current(),
      wake: (jid, master) => void delivery.wake(jid, master),
      masterDestination: masterDestinationName,
      services,
    },
    process.pid,
  )
}
