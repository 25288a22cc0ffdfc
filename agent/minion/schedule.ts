/** The jobs that the minion starts itself: where they come from, which master gets their returns, and when they begin. */
import type { LoadedConfig } from '../../config/load.ts'
import { isMasterless } from '../../config/masterless.ts'
import type { Clock } from '../clock.ts'
import type { StartedJob } from '../jobs/local-job.ts'
import { masterMayName } from '../jobs/policy.ts'
import type { Logger } from '../log.ts'
import type { MasterLink } from './masters.ts'
import type { ScheduleControl } from '../modules/schedule-control.ts'
import { createOfflineControl, createScheduleControl } from '../schedule/control.ts'
import { MINE_ITEM, mineItems } from './mine.ts'
import type { ScheduledJob } from '../schedule/local-job.ts'
import { createSchedule, type Schedule } from '../schedule/schedule.ts'
import { savedFile } from '../schedule/source.ts'
import type { ValueObject } from '../wire/value.ts'

export interface ScheduleParts {
  loaded: LoadedConfig
  log: Logger
  clock: Clock
  links: readonly MasterLink[]
  grains: { current(): ValueObject }
  pillar: { current(): ValueObject; onChange(listener: () => void): void }
  /** Makes a job with the rows and the return of any other. */
  start(job: ScheduledJob, master: string | undefined): Promise<StartedJob>
}

export interface MinionSchedule {
  schedule: Schedule
  control: ScheduleControl
}

/** The schedule; it begins with `beginSchedule`. */
export function createMinionSchedule(parts: ScheduleParts): MinionSchedule {
  const { loaded, clock, links, pillar } = parts
  const { config } = loaded
  const log = parts.log.child({ part: 'schedule' })
  const schedule = createSchedule(withoutMine(config.schedule as ValueObject), {
    clock,
    log,
    pillar: () => pillar.current(),
    grains: () => parts.grains.current(),
    scheduleReturner: config.schedule_returner,
    hasMaster: !isMasterless(config),
    masterMayName: (name, retConfig) => masterMayName(name, retConfig, config.master_returners),
    master() {
      const known = knownMaster(links)
      if (known === undefined && links.length > 0) log.warn({}, 'No master is known yet: the return of a scheduled job goes to its returners only')
      return known
    },
    start: (job, master) => parts.start(job, master),
  })
  let hasPillar = false
  pillar.onChange(() => {
    // The pillar names functions of the mine, and may allow them: the first update comes after it.
    if (hasPillar) return schedule.refresh()
    hasPillar = true
    schedule.setOwn(mineItems(config))
  })
  return { schedule, control: createScheduleControl(schedule, scheduleFile(loaded)) }
}

/** Salt's minion saves its item with the others: a file that was moved over may have it. */
function withoutMine({ [MINE_ITEM]: _salts, ...items }: ValueObject): ValueObject {
  return items
}

function scheduleFile({ config }: LoadedConfig): string {
  return savedFile(config.conf_dir, config.default_include)
}

/** What functions may do where no schedule runs: list what is configured, and change the file. */
export function offlineSchedule(loaded: LoadedConfig): ScheduleControl {
  return createOfflineControl(loaded.config.schedule as ValueObject, scheduleFile(loaded))
}

/** The master that gets the returns: a connected one, else one whose key was pinned. */
function knownMaster(links: readonly MasterLink[]): string | undefined {
  const known = links.filter(({ link }) => link.fingerprint !== undefined)
  return (known.find(({ link }) => link.state === 'connected') ?? known[0])?.link.fingerprint
}

/**
 * Starts the schedule: at once when a master is known from before, when there is none, or with `scheduler_before_connect`; otherwise
 * with the first connection, since the returns of what ran before would have no master to go to.
 */
export function beginSchedule(schedule: Schedule, { loaded, links }: Pick<ScheduleParts, 'loaded' | 'links'>): void {
  if (links.length === 0 || loaded.config.scheduler_before_connect || knownMaster(links) !== undefined) return schedule.start()
  let begun = false
  for (const { link } of links) {
    link.onState((state) => {
      if (state !== 'connected' || begun) return
      begun = true
      schedule.start()
    })
  }
}
