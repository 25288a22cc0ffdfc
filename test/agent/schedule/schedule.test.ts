import { describe, expect, test } from 'vitest'
import type { Value, ValueObject } from '../../../agent/wire/value.ts'
import { createBench, morning } from './bench.ts'

const minute = 60_000
const hour = 60 * minute
const ping = (more: ValueObject): ValueObject => ({ function: 'test.ping', ...more })

describe('an item that no return could hold', () => {
  test('is ignored, and the others run', async () => {
    let deep: Value = []
    for (let depth = 0; depth < 600; depth += 1) deep = [deep]
    const { clock, runs, logs } = createBench({ deep: ping({ minutes: 1, args: [deep] }), often: ping({ minutes: 1 }) })

    await clock.advance(minute)

    expect(runs).toEqual(['often at 09:31:00'])
    expect(logs.join()).toMatch(/deeper than .*Ignoring job deep/)
  })
})

describe('an interval', () => {
  test('adds its units up, first after itself, then from due time to due time', async () => {
    const { clock, runs } = createBench({ often: ping({ seconds: 30, minutes: 1 }) })

    await clock.advance(5 * minute)

    expect(runs).toEqual(['often at 09:31:30', 'often at 09:33:00', 'often at 09:34:30'])
  })

  test('does not notice a step of the wall clock', async () => {
    const { clock, runs } = createBench({ often: ping({ minutes: 10 }) })

    clock.stepWall(-3 * hour)
    await clock.advance(9 * minute)
    clock.stepWall(30 * hour)
    await clock.advance(0)
    expect(runs).toEqual([])
    await clock.advance(minute)

    expect(runs).toHaveLength(1)
  })

  test('adds a splay to each due time', async () => {
    let draw = 0
    const { clock, runs } = createBench({ often: ping({ minutes: 1, splay: 10 }), narrow: ping({ minutes: 1, splay: { start: 20, end: 20 } }) }, {
      // The first and the last value of the splay in turn.
      random: () => (draw++ % 2 === 0 ? 0 : 0.999),
    })

    await clock.advance(2.5 * minute)

    expect(runs).toEqual(['often at 09:31:01', 'narrow at 09:31:20', 'often at 09:32:02'])
  })

  test('takes the splay of all items when it has none', async () => {
    const { clock, runs } = createBench({ splay: { start: 7, end: 7 }, often: ping({ minutes: 1 }) })

    await clock.advance(68_000)

    expect(runs).toEqual(['often at 09:31:07'])
  })

  test('runs at the start when told to, whatever its range', async () => {
    const { clock, runs } = createBench({ often: ping({ hours: 1, run_on_start: true, range: { start: '8:00pm', end: '9:00pm' } }) })

    await clock.advance(minute)

    expect(runs).toEqual(['often at 09:30:00'])
  })

  test('holds until its range begins, and then runs', async () => {
    const { clock, runs } = createBench({ often: ping({ minutes: 10, range: { start: '10:00am', end: '10:15am' } }) })

    await clock.advance(2 * hour)

    expect(runs).toEqual(['often at 10:00:00', 'often at 10:10:00'])
  })

  test('runs outside of an inverted range', async () => {
    const { clock, runs } = createBench({ often: ping({ minutes: 10, range: { start: '9:35am', end: '9:55am', invert: true } }) })

    await clock.advance(hour)

    expect(runs).toEqual(['often at 09:55:00', 'often at 10:05:00', 'often at 10:15:00', 'often at 10:25:00'])
  })
})

describe('a cron expression', () => {
  test('fires at its minutes', async () => {
    const { clock, runs } = createBench({ nightly: ping({ cron: '*/10 * * * *' }) })

    await clock.advance(25 * minute)

    expect(runs).toEqual(['nightly at 09:40:00', 'nightly at 09:50:00'])
  })

  test('does not run a minute twice when the clock steps back, and runs those that have not come', async () => {
    const { clock, runs } = createBench({ often: ping({ cron: '*/10 * * * *' }) })
    await clock.advance(10 * minute)
    expect(runs).toEqual(['often at 09:40:00'])

    clock.stepWall(-15 * minute)
    await clock.advance(36 * minute)

    expect(runs).toEqual(['often at 09:40:00', 'often at 09:30:00', 'often at 09:50:00', 'often at 10:00:00'])
  })

  test('runs once when the clock steps over many of its minutes', async () => {
    const { clock, runs } = createBench({ often: ping({ cron: '*/10 * * * *' }) })

    clock.stepWall(5 * hour + 5 * minute)
    await clock.advance(minute)
    expect(runs).toEqual(['often at 14:36:00'])
    await clock.advance(5 * minute)

    expect(runs).toEqual(['often at 14:36:00', 'often at 14:40:00'])
  })
})

describe('date texts', () => {
  test('a time comes every day, a weekday every week', async () => {
    const { clock, runs } = createBench({ daily: ping({ when: '10:00am' }), weekly: ping({ when: ['Thursday 8:00am', 'Friday 8:00am'] }) })

    await clock.advance(8 * 24 * hour)

    expect(runs.filter((run) => run.startsWith('daily'))).toHaveLength(8)
    expect(runs.filter((run) => run.startsWith('weekly'))).toEqual(Array.from({ length: 3 }, () => 'weekly at 08:00:00'))
  })

  test('a date comes once, and not when it is past', async () => {
    const { clock, runs } = createBench({
      future: ping({ when: 'November 25, 2026 9:45am' }),
      past: ping({ when: 'November 25, 2026 9:15am' }),
      once: ping({ once: '2026-11-25T09:50:00' }),
      formatted: ping({ once: '25.11.2026 09:55', once_fmt: '%d.%m.%Y %H:%M' }),
    })

    await clock.advance(48 * hour)

    expect(runs).toEqual(['future at 09:45:00', 'once at 09:50:00', 'formatted at 09:55:00'])
  })

  test('are missed when the clock steps over them by more than a minute, and do not come twice', async () => {
    const { clock, schedule, runs } = createBench({ late: ping({ when: '9:40am' }), missed: ping({ once: '2026-11-25T09:39:00' }), twice: ping({ when: '9:31am' }) })
    await clock.advance(2 * minute)
    expect(runs).toEqual(['twice at 09:31:00'])

    clock.stepWall(-5 * minute)
    await clock.advance(5 * minute)
    expect(runs).toEqual(['twice at 09:31:00'])
    clock.stepWall(8 * minute + 30_000)
    schedule.refresh()
    await clock.advance(minute)

    // At 09:40:30 one is half a minute late, the other more.
    expect(runs).toEqual(['twice at 09:31:00', 'late at 09:40:30'])
  })

  test('may be names in the whens of the pillar or the grains', async () => {
    const whens = { tea: '10:00am', lunch: ['12:00pm', '1:00pm'] }
    const { clock, runs } = createBench({ tea: ping({ when: 'tea' }), lunch: ping({ when: 'lunch' }) }, { pillar: { whens: { tea: '9:45am' } }, grains: { whens } })

    await clock.advance(4 * hour)

    expect(runs).toEqual(['tea at 09:45:00', 'lunch at 12:00:00', 'lunch at 13:00:00'])
  })
})

describe('what stands in the way of a run', () => {
  test.each([
    ['until', { until: '2026-11-25T09:32:30' }, ['09:31:00', '09:32:00']],
    ['after', { after: '2026-11-25T09:32:30' }, ['09:33:00', '09:34:00']],
    ['skip_during_range', { skip_during_range: { start: '9:32am', end: '9:33am' } }, ['09:31:00', '09:34:00']],
    ['skip_explicit', { skip_explicit: [{ time: '2026-11-25T09:32:00', time_fmt: '%Y-%m-%dT%H:%M:%S' }] }, ['09:31:00', '09:33:00', '09:34:00']],
    ['enabled', { enabled: false }, []],
    ['dry_run', { dry_run: true }, []],
  ])('%s', async (_name, more, times) => {
    const { clock, runs } = createBench({ job: ping({ cron: '* * * * *', ...(more as ValueObject) }) })

    await clock.advance(4 * minute + 30_000)

    expect(runs).toEqual(times.map((time) => `job at ${time}`))
  })

  test('all gates must let it pass', async () => {
    const { clock, runs } = createBench({ job: ping({ cron: '* * * * *', range: { start: '8:00pm', end: '9:00pm' }, until: '2026-12-25' }) })

    await clock.advance(5 * minute)

    expect(runs).toEqual([])
  })

  test('a skipped run is made up for when its range is over', async () => {
    const { clock, runs } = createBench({ job: ping({ cron: '0 10 * * *', run_after_skip_range: true, skip_during_range: { start: '9:55am', end: '10:20am' } }) })

    await clock.advance(2 * hour)

    expect(runs).toEqual(['job at 10:20:01'])
  })

  test('skip_function runs in its place', async () => {
    const { clock, jobs, runs } = createBench({
      skip_function: 'test.version',
      skip_during_range: { start: '9:31am', end: '9:31:30am' },
      job: ping({ cron: '* * * * *' }),
    })

    await clock.advance(2 * minute)

    expect(runs).toEqual(['job at 09:31:00', 'job at 09:32:00'])
    expect(jobs.map(({ job }) => job.fun)).toEqual(['test.version', 'test.ping'])
  })

  test('run_explicit is a due time of its own', async () => {
    const { clock, runs } = createBench({ job: ping({ hours: 1, run_explicit: ['2026-11-25T09:40:00', { time: '09:50 25/11/2026', time_fmt: '%H:%M %d/%m/%Y' }, '2026-11-25T09:00:00'] }) })

    await clock.advance(30 * minute)

    expect(runs).toEqual(['job at 09:40:00', 'job at 09:50:00'])
  })

  test('the whole schedule can be disabled', async () => {
    const { clock, schedule, runs } = createBench({ enabled: false, job: ping({ minutes: 1, run_on_start: true }) })
    await clock.advance(5 * minute)
    expect(runs).toEqual([])
    expect(schedule.status('job')).toMatchObject({ skipReason: 'disabled' })

    schedule.configure({ ...schedule.configured(), enabled: true })
    await clock.advance(minute)

    expect(runs).toEqual(['job at 09:36:00'])
  })
})

describe('runs under way', () => {
  test('are at most maxrunning, one unless it says more', async () => {
    const bench = createBench({ one: ping({ minutes: 1 }), two: ping({ minutes: 1, maxrunning: 2 }), free: ping({ minutes: 1, jid_include: false }) }, { lasting: true })
    await bench.clock.advance(3 * minute + 1000)

    const count = (name: string) => bench.runs.filter((run) => run.startsWith(name)).length
    expect([count('one'), count('two'), count('free')]).toEqual([1, 2, 3])
    expect(bench.schedule.status('one')).toMatchObject({ skipReason: 'maxrunning' })
    await bench.end()
    await bench.clock.advance(minute)
    expect([count('one'), count('two'), count('free')]).toEqual([2, 2, 4])
  })

  test('that could not be started count no longer', async () => {
    const { clock, logs, schedule } = createBench({ job: ping({ minutes: 1 }) }, { start: () => Promise.reject(new Error('the agent stops')) })

    await clock.advance(2 * minute)

    expect(logs.filter((line) => line === 'A scheduled job could not be started')).toHaveLength(2)
    expect(schedule.runNow('job')).toBe(true)
  })

  test('an item can be told to run, but not beyond maxrunning', async () => {
    const bench = createBench({ idle: ping({}), job: ping({ hours: 1, enabled: false }) }, { lasting: true })

    expect([bench.schedule.runNow('idle'), bench.schedule.runNow('job'), bench.schedule.runNow('job'), bench.schedule.runNow('none')]).toEqual([true, true, false, false])
    await bench.clock.advance(0)

    expect(bench.runs).toEqual(['idle at 09:30:00', 'job at 09:30:00'])
  })
})

describe('the job of an item', () => {
  test('carries its arguments, its returners and its name', async () => {
    const { clock, jobs } = createBench(
      {
        job: {
          function: 'test.arg',
          args: ['a=b', 2],
          kwargs: { c: 3 },
          minutes: 1,
          name: 'other',
          returner: ['local', 'sqlite3'],
          return_config: 'alternative',
          return_kwargs: { path: '/x' },
        },
      },
      { scheduleReturner: ['syslog', 'local'], pillar: { schedule_returner: 'http' } },
    )

    await clock.advance(minute)

    expect(jobs).toEqual([
      {
        master: 'aa:bb',
        job: {
          fromMaster: false,
          fun: 'test.arg',
          arg: ['a=b', 2, { c: 3, __kwarg__: true }],
          more: { ret: 'local,sqlite3,syslog,http', ret_config: 'alternative', ret_kwargs: { path: '/x' }, schedule: 'other' },
        },
      },
    ])
  })

  test('goes to no master with return_job False, and is not kept by it with nocache', async () => {
    const { clock, jobs } = createBench({ silent: ping({ minutes: 1, return_job: false }), passing: ping({ minutes: 1, return_job: 'nocache' }) })

    await clock.advance(minute)

    expect(jobs.map(({ master }) => master)).toEqual([undefined, 'aa:bb'])
    expect(jobs.map(({ job }) => job.more['nocache'])).toEqual([undefined, true])
  })

  test('has the time in its metadata', async () => {
    const { clock, jobs } = createBench({ job: ping({ minutes: 1, metadata: { team: 'web' } }) })

    await clock.advance(minute)

    expect(jobs[0]?.job.more['metadata']).toMatchObject({
      team: 'web',
      _TOS: expect.stringMatching(/^[+-]\d{4}$/),
      _TS: 'Wed Nov 25 09:31:00 2026',
      _TT: expect.stringMatching(/^2026 November 2\d \w{3} \d\d 11$/),
    })
  })
})

describe('where items come from', () => {
  test('the configuration counts before the pillar, which is taken anew when it changes', async () => {
    const bench = createBench({ both: ping({ minutes: 2 }) }, { pillar: { schedule: { both: ping({ minutes: 1 }), mine: ping({ minutes: 1 }) } } })
    await bench.clock.advance(30_000)

    // What stays the same keeps its due time.
    bench.pillar['schedule'] = { mine: ping({ minutes: 1 }), late: ping({ seconds: 30 }) }
    bench.schedule.refresh()
    await bench.clock.advance(90_000)
    expect(bench.runs).toEqual(['mine at 09:31:00', 'late at 09:31:00', 'late at 09:31:30', 'both at 09:32:00', 'mine at 09:32:00', 'late at 09:32:00'])

    bench.pillar['schedule'] = {}
    bench.schedule.refresh()
    await bench.clock.advance(2 * minute)
    expect(bench.runs.at(-1)).toBe('both at 09:34:00')
    expect(bench.clock.pending()).toEqual([2 * minute])
  })

  test.each([
    ['no map', 'x', 'Scheduled job "job" should have a dict value. Ignoring job job.'],
    ['no function', { seconds: 1 }, 'It names no function. Ignoring job job.'],
    ['a wrong cron', ping({ cron: '61 * * * *' }), 'Invalid cron string: minute: 61 is not between 0 and 59. Ignoring job job.'],
    ['a wrong date', ping({ when: 'noon' }), 'Invalid date string noon. Ignoring job job.'],
    ['a wrong once', ping({ once: 'noon' }), 'Date string could not be parsed: noon, %Y-%m-%dT%H:%M:%S. Ignoring job job.'],
    ['two times', ping({ cron: '* * * * *', when: '5pm' }), 'Unable to use "when", "cron", "once" options together. Ignoring job job.'],
    ['no interval', ping({ seconds: 0 }), 'An interval of 0 seconds is not possible. Ignoring job job.'],
    ['a splay the wrong way', ping({ seconds: 5, splay: { start: 5, end: 1 } }), 'Invalid Splay, end must be larger than start. Ignoring job job.'],
  ])('%s is told and ignored', async (_name, item, error) => {
    const { clock, schedule, runs, logs } = createBench({ job: item, good: ping({ minutes: 1 }) })

    await clock.advance(minute)

    expect(runs).toEqual(['good at 09:31:00'])
    expect(logs.filter((line) => line === error)).toHaveLength(1)
    expect(schedule.status('job')).toEqual({ error })
  })

  test('a range that ends before it starts is told when the item is due', async () => {
    const { clock, schedule, runs } = createBench({ job: ping({ minutes: 1, range: { start: '5pm', end: '4pm' } }) })

    await clock.advance(minute)

    expect(runs).toEqual([])
    expect(schedule.status('job').error).toBe('schedule.handle_func: Invalid range, end must be larger than start. Ignoring job job.')
  })

  test('nothing runs after a stop, and no timer is left', async () => {
    const { clock, schedule, runs } = createBench({ job: ping({ minutes: 1 }) })

    schedule.stop()
    await clock.advance(hour)

    expect(runs).toEqual([])
    expect(clock.pending()).toEqual([])
  })

  test('says when an item is next and was last run', async () => {
    const { clock, schedule } = createBench({ job: ping({ minutes: 1, splay: { start: 5, end: 5 } }) })

    await clock.advance(minute + 6000)

    const at = morning.getTime() + minute + 5000
    expect(schedule.status('job')).toEqual({ lastRun: at, nextFireTime: at + minute, splay: at + minute + 5000 })
  })
})
