/** The mine's own updates: an item of the schedule, as in Salt (minion.py, `__mine_interval`). */
import type { MinionConfig } from '../../config/schema.ts'
import type { StartedJob } from '../jobs/local-job.ts'
import type { Jobs } from '../jobs/jobs.ts'
import type { Logger } from '../log.ts'
import type { ScheduledJob } from '../schedule/local-job.ts'
import type { ValueObject } from '../wire/value.ts'

/** Its name in the schedule. */
export const MINE_ITEM = '__mine_interval'

type MineConfig = Pick<MinionConfig, 'id' | 'mine_enabled' | 'mine_interval' | 'mine_return_job'>

/** The items that the minion itself adds to its schedule; none with `mine_enabled: False`. */
export function mineItems({ mine_enabled: enabled, mine_interval: intervalMs, mine_return_job: returnJob }: MineConfig): ValueObject {
  if (!enabled) return {}
  const interval: ValueObject = intervalMs % 60_000 === 0 ? { minutes: intervalMs / 60_000 } : { seconds: Math.ceil(intervalMs / 1000) }
  return { [MINE_ITEM]: { function: 'mine.update', ...interval, jid_include: true, maxrunning: 2, run_on_start: true, return_job: returnJob } }
}

/**
 * Starts a job of the schedule. An update of the mine that returns to nobody runs without a trace: its rows and its return would be
 * one more of each for every hour and minion.
 */
export function createScheduledStart(config: MineConfig, jobs: Pick<Jobs, 'runLocal' | 'startLocal'>, log: Logger) {
  return async (job: ScheduledJob, master: string | undefined): Promise<StartedJob> => {
    const isWanted = config.mine_return_job || job.more['ret'] !== undefined
    if (job.more['schedule'] !== MINE_ITEM || isWanted) return jobs.startLocal(job, master)
    const load = { ...job.more, fun: job.fun, arg: job.arg, tgt: config.id, tgt_type: 'glob', jid: 'mine-update' }
    const over = jobs.runLocal(load).then((ret) => {
      if (!ret.success) log.warn({ value: ret.return }, 'The mine could not be updated')
      return ret
    })
    return { jid: 'mine-update', over }
  }
}
