import { createSchedule } from '../../../agent/schedule/schedule.ts'
import type { Schedule } from '../../../agent/schedule/schedule.ts'
import type { ScheduledJob } from '../../../agent/schedule/local-job.ts'
import type { Value, ValueObject } from '../../../agent/wire/value.ts'
import { createFakeClock } from '../../helpers/fake-clock.ts'
import type { FakeClock } from '../../helpers/fake-clock.ts'

/** A schedule on a clock that stands still, and every run that it started. */
export interface Bench {
  clock: FakeClock
  schedule: Schedule
  /** `name at HH:MM:SS` of each run, in local time. */
  runs: string[]
  jobs: { job: ScheduledJob; master: string | undefined }[]
  logs: string[]
  pillar: ValueObject
  /** Lets the oldest run that is under way end. */
  end(): Promise<void>
}

export interface BenchOptions {
  now?: Date
  random?: number | (() => number)
  pillar?: ValueObject
  grains?: ValueObject
  /** Runs end at once unless they are to go on until `end`. */
  lasting?: boolean
  scheduleReturner?: string[]
  start?: () => Promise<never>
}

/** A Wednesday, local time. */
export const morning = new Date(2026, 10, 25, 9, 30, 0)

/** Starts a schedule with these items. */
export function createBench(items: Value, options: BenchOptions = {}): Bench {
  const clock = createFakeClock({ now: (options.now ?? morning).getTime(), random: options.random ?? 0.5 })
  const [runs, jobs, logs]: [string[], Bench['jobs'], string[]] = [[], [], []]
  const pillar = options.pillar ?? {}
  const ends: (() => void)[] = []
  const write = (_fields: object, message: string) => void logs.push(message)
  const log = { trace: write, debug: write, info: write, warn: write, error: write, child: () => log }
  const schedule = createSchedule(items as ValueObject, {
    clock,
    log,
    pillar: () => pillar,
    grains: () => options.grains ?? {},
    scheduleReturner: options.scheduleReturner ?? [],
    hasMaster: true,
    masterMayName: () => true,
    master: () => 'aa:bb',
    async start(job, master) {
      await options.start?.()
      const time = new Date(clock.now()).toTimeString().slice(0, 8)
      runs.push(`${job.more['schedule'] as string} at ${time}`)
      jobs.push({ job, master })
      const { promise: over, resolve } = Promise.withResolvers<void>()
      if (options.lasting === true) ends.push(resolve)
      else resolve()
      return { jid: `jid${runs.length}`, over }
    },
  })
  schedule.start()
  return {
    clock,
    schedule,
    runs,
    jobs,
    logs,
    pillar,
    async end() {
      ends.shift()?.()
      await clock.advance(0)
    },
  }
}
