/** The periodic update of the mine, joined to the jobs. */
import type { MinionConfig } from '../config/schema.ts'
import type { Clock } from './clock.ts'
import type { Jobs } from './jobs/jobs.ts'
import type { LocalJob } from './jobs/local-job.ts'
import type { Link } from './link/port.ts'
import type { Logger } from './log.ts'
import { createPeriodicMine, type PeriodicMine } from './mine/periodic.ts'
import { configuredFunctions } from './modules/mine-functions.ts'
import type { PillarKeeper } from './pillar/keeper.ts'
import type { Value } from './wire/value.ts'

interface MineParts {
  config: Pick<MinionConfig, 'id' | 'mine_enabled' | 'mine_interval' | 'mine_return_job' | 'mine_functions'>
  log: Logger
  clock: Clock
  jobs: Pick<Jobs, 'runLocal' | 'startLocal'>
  pillar: PillarKeeper
  linkFor: (fingerprint: string | undefined) => Pick<Link, 'fingerprint'> | undefined
}

/** Its name in `schedule`, as in Salt. */
const scheduleName = '__mine_interval'

/** Runs `mine.update` every `mine_interval`: as a job with a return when `mine_return_job` says so, else without a trace. */
export function createMinionMine({ config, log, clock, jobs, pillar, linkFor }: MineParts): PeriodicMine {
  const job: LocalJob = { fun: 'mine.update', arg: [], more: { schedule: scheduleName } }
  return createPeriodicMine(
    { enabled: config.mine_enabled, intervalMs: config.mine_interval },
    {
      clock,
      log,
      hasFunctions: () => configuredFunctions(config.mine_functions as Value, pillar.current()) !== undefined,
      async update() {
        if (config.mine_return_job) return (await jobs.startLocal(job, linkFor(undefined)?.fingerprint)).over
        const { success, return: value } = await jobs.runLocal({ ...job.more, fun: job.fun, arg: job.arg, tgt: config.id, tgt_type: 'glob', jid: scheduleJid })
        if (!success) log.warn({ value }, 'the mine could not be updated')
        return value
      },
    },
  )
}

/** A job without rows needs no id of its own. */
const scheduleJid = 'mine-update'
