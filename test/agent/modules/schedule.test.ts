import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { readSaved } from '../../../agent/schedule/source.ts'
import { get } from '../../../agent/wire/value.ts'
import type { ValueObject } from '../../../agent/wire/value.ts'
import { createFakeClock } from '../../helpers/fake-clock.ts'
import { until } from '../../helpers/until.ts'
import { createHarness } from '../jobs/harness.ts'
import type { Harness, HarnessOptions } from '../jobs/harness.ts'

const open: Harness[] = []

function harness(options: HarnessOptions = {}): Harness & { file: string; call: (fun: string, args?: unknown[], kwargs?: Record<string, unknown>) => Promise<unknown> } {
  const made = createHarness(options)
  open.push(made)
  return {
    ...made,
    file: join(made.directory, 'minion.d', '_schedule.conf'),
    call: async (fun, args = [], kwargs = {}) => (await made.run(`schedule.${fun}`, [...args, { __kwarg__: true, ...kwargs }])).return,
  }
}

afterEach(async () => {
  for (const made of open.splice(0)) await made.close()
})

const job1: ValueObject = { enabled: true, function: 'test.ping', jid_include: true, maxrunning: 1, name: 'job1', seconds: 3600 }

describe('schedule.add', () => {
  test('writes a file that can be read again, whatever the names are', async () => {
    const { call, file } = harness()
    const names = ['two\nlines', 'x'.repeat(2000), ': #', '\u0000\ud800', '<<', "'\n\n'"]
    for (const name of names) await call('add', [name], { function: 'test.echo', seconds: 60, job_kwargs: { [name]: name } })

    expect(Object.keys(readSaved(file)).toSorted()).toEqual(names.toSorted())
    expect(get(readSaved(file), 'two\nlines')).toMatchObject({ kwargs: { 'two\nlines': 'two\nlines' } })
  })

  test('says at once that a function is not there, and adds it all the same', async () => {
    const { call, file } = harness()
    const warnings = ["'tset.ping' is not available on this minion: the job fails until it is."]

    expect(await call('add', ['job1'], { function: 'tset.ping', seconds: 60 })).toEqual({ comment: 'Added job: job1 to schedule.', result: true, changes: { job1: 'added' }, warnings })
    expect(Object.keys(readSaved(file))).toEqual(['job1'])
    expect(await call('modify', ['job1'], { function: 'tset.ping', seconds: 30 })).toMatchObject({ result: true, warnings })
  })

  test('refuses what no return could hold, and does not save it', async () => {
    const { call, file } = harness()

    const report = await call('add', ['deep', `job_args=${'['.repeat(520)}${']'.repeat(520)}`], { function: 'test.ping', seconds: 60 })

    expect(report).toMatchObject({ result: false, comment: expect.stringMatching(/deeper than/) as string })
    expect(existsSync(file)).toBe(false)
  })

  test('adds a job, keeps it in a file of its own, and lists it as Salt does', async () => {
    const { call, file } = harness()

    expect(await call('add', ['job1'], { function: 'test.ping', seconds: 3600 })).toEqual({
      comment: 'Added job: job1 to schedule.',
      result: true,
      changes: { job1: 'added' },
    })

    const listed = 'schedule:\n  job1:\n    enabled: true\n    function: test.ping\n    jid_include: true\n    maxrunning: 1\n    name: job1\n'
    expect(readFileSync(file, 'utf8')).toBe(`${listed}    seconds: 3600\n`.replace('enabled: true\n', 'enabled: true\n    from_master: true\n'))
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(await call('list')).toBe(`${listed}    saved: true\n    seconds: 3600\n`)
    expect(await call('list', [], { return_yaml: false })).toEqual({ job1 })
    expect(await call('is_enabled', ['job1'])).toEqual(job1)
    expect(await call('add', ['job1'], { function: 'test.ping', seconds: 3600 })).toMatchObject({ comment: 'Job job1 already exists in schedule.', result: false })
  })

  test('only says what it would do with test, and keeps nothing with persist False', async () => {
    const { call, file } = harness()

    expect(await call('add', ['job1'], { function: 'test.ping', seconds: 1, test: true })).toMatchObject({ comment: 'Job: job1 would be added to schedule.', result: true })
    expect(await call('list')).toBe('schedule: {}\n')
    expect(await call('add', ['job1'], { function: 'test.ping', seconds: 1, persist: false })).toMatchObject({ result: true })
    expect(existsSync(file)).toBe(false)
    expect(await call('list')).toContain('saved: false')
  })

  test.each([
    [{ seconds: 1, cron: '* * * * *' }, 'Error: Unable to use "seconds", "minutes", "hours", or "days" with "when" or "cron" options.'],
    [{ when: '5pm', cron: '* * * * *' }, 'Unable to use "when" and "cron" options together.  Ignoring.'],
    [{ seconds: 1, job_args: 'x' }, 'job_args is not a list. please correct and try again.'],
    [{ seconds: 1, job_kwargs: 'x' }, 'job_kwargs is not a dict. please correct and try again.'],
    [{ when: ['5pm', 'at noon'] }, 'Schedule item at noon for "when" in invalid.'],
    [{ cron: '61 * * * *' }, 'Invalid cron string: minute: 61 is not between 0 and 59.'],
    [{ once: '5pm' }, 'Date string could not be parsed: 5pm, %Y-%m-%dT%H:%M:%S.'],
    [{ seconds: 0 }, 'An interval of 0 seconds is not possible.'],
    [{}, 'It names no time: seconds, minutes, hours, days, when, cron or once.'],
  ])('refuses %j', async (kwargs, comment) => {
    const { call } = harness()

    expect(await call('add', ['job1'], { function: 'test.ping', ...kwargs })).toMatchObject({ comment, result: false })
    expect(await call('list')).toBe('schedule: {}\n')
  })

  test('changes nothing when the file cannot be written, and says why', async () => {
    const { call, directory, file } = harness()
    writeFileSync(join(directory, 'minion.d'), 'in the way')

    const report = (await call('add', ['job1'], { function: 'test.ping', seconds: 1 })) as ValueObject

    expect(report).toMatchObject({ result: false, changes: {} })
    expect(report['comment']).toContain(`The schedule cannot be saved: ${file} cannot be written: `)
    rmSync(join(directory, 'minion.d'))
    expect(await call('list')).toBe('schedule: {}\n')
  })
})

describe('a schedule', () => {
  const schedule = { job1: { function: 'test.ping', seconds: 3600 } }

  test('modify replaces the settings of a job', async () => {
    const { call } = harness({ schedule })

    expect(await call('modify', ['job1'], { seconds: 3600 })).toEqual({ comment: 'Job job1 in correct state', changes: {}, result: true })
    const changed = { ...job1, seconds: 60 }
    expect(await call('modify', ['job1'], { seconds: 60, test: true })).toMatchObject({ comment: 'Job: job1 would be modified in schedule.' })
    expect(await call('modify', ['job1'], { seconds: 60 })).toEqual({
      comment: 'Modified job: job1 in schedule.',
      changes: { job1: { old: job1, new: changed } },
      result: true,
    })
    expect(await call('list', [], { return_yaml: false })).toEqual({ job1: changed })
    expect(await call('modify', ['none'], { seconds: 60 })).toMatchObject({ comment: 'Job none does not exist in schedule.', result: false })
  })

  test('a job, and all of them, can be disabled, enabled, deleted and purged', async () => {
    const { call } = harness({ schedule: { ...schedule, __hidden: { function: 'test.ping', seconds: 1 } } })

    expect(await call('disable_job', ['job1'])).toEqual({ comment: 'Disabled Job job1 in schedule.', result: true, changes: { job1: 'disabled' } })
    expect(await call('list', [], { show_disabled: false })).toBe('schedule: {}\n')
    expect(await call('enable_job', ['job1'])).toEqual({ comment: 'Enabled Job job1 in schedule.', result: true, changes: { job1: 'enabled' } })
    expect(await call('enable_job', ['none'])).toMatchObject({ comment: 'Job none does not exist.', result: false })
    expect(await call('disable')).toEqual({ comment: 'Disabled schedule on minion.', changes: { schedule: 'disabled' }, result: true })
    expect(await call('is_enabled')).toBe(false)
    expect(await call('enable')).toEqual({ comment: 'Enabled schedule on minion.', changes: { schedule: 'enabled' }, result: true })
    expect(await call('delete', ['job1'])).toEqual({ comment: 'Deleted Job job1 from schedule.', result: true, changes: { job1: 'removed' } })
    expect(await call('delete', ['job1'])).toMatchObject({ comment: 'Job job1 does not exist.', result: false })
    expect(await call('list', [], { show_all: true })).toContain('__hidden')
    await call('add', ['job2'], { function: 'test.ping', seconds: 1 })
    expect(await call('purge', [], { test: true })).toMatchObject({ comment: ['Job: job2 would be deleted from schedule.'] })
    expect(await call('purge')).toEqual({ comment: ['Deleted job: job2 from schedule.'], changes: { job2: 'removed' }, result: true })
  })

  test("a job of the pillar cannot be changed", async () => {
    const { call } = harness({ pillar: { schedule: { given: { function: 'test.ping', seconds: 1, enabled: true } } } })

    expect(await call('list', [], { where: 'pillar', return_yaml: false })).toHaveProperty('given')
    expect(await call('list', [], { where: 'opts' })).toBe('schedule: {}\n')
    expect(await call('delete', ['given'])).toMatchObject({ comment: 'Failed to delete job given from schedule.', result: false })
    expect(await call('disable_job', ['given'])).toMatchObject({ comment: 'Failed to disable job given in schedule.', result: false })
    expect(await call('modify', ['given'], { seconds: 2 })).toMatchObject({ comment: 'Failed to modify job given in schedule: it is in the pillar.', result: false })
    expect(await call('skip_job', ['given', '2026-01-01T00:00:00'])).toMatchObject({ comment: 'Failed to skip job given in schedule.', result: false })
    expect(await call('purge')).toMatchObject({ comment: ['Failed to delete job given from schedule.'], changes: {} })
  })

  test('run_job runs a job once, and a disabled one only by force', async () => {
    const { call, accepted } = harness({ schedule: { job1: { function: 'test.echo', args: ['hello'], seconds: 3600, enabled: false } } })
    const returns = () => accepted.filter(({ ret }) => ret.schedule !== undefined)

    expect(await call('run_job', ['job1'])).toEqual({ comment: 'Job job1 is disabled.', result: true })
    expect(await call('run_job', ['job1'], { force: true })).toEqual({ comment: 'Scheduling Job job1 on minion.', result: true })
    await until(() => returns()[0], 'the scheduled return')

    expect(returns()).toHaveLength(1)
    expect(returns()[0]).toMatchObject({ job: { master: 'aa:bb' }, ret: { schedule: 'job1', fun: 'test.echo', return: 'hello', success: true } })
    expect(await call('run_job', ['none'])).toMatchObject({ comment: 'Job none does not exist.', result: false })
  })

  test('save, reload and offline use the file', async () => {
    const { call, file } = harness({ schedule })

    expect(await call('save')).toEqual({ comment: 'Schedule (non-pillar items) saved.', result: true })
    expect(await call('add', ['job2'], { function: 'test.ping', hours: 1, offline: true })).toMatchObject({ comment: 'Added job: job2 to schedule.' })
    expect(await call('list', [], { return_yaml: false })).toEqual({ job1 })
    expect(await call('list', [], { return_yaml: false, offline: true })).toHaveProperty('job2')
    expect(await call('reload')).toEqual({ comment: ['Reloaded schedule on minion from _schedule.conf.'], result: true })
    expect(await call('list', [], { return_yaml: false })).toHaveProperty('job2.hours', 1)
    expect(await call('delete', ['job2'], { offline: true })).toMatchObject({ result: true })
    expect(readFileSync(file, 'utf8')).not.toContain('job2')
  })

  test('a run can be skipped or postponed, and the next one is shown', async () => {
    const clock = createFakeClock({ now: new Date(2026, 10, 25, 9, 30).getTime() })
    const { call, schedule: running, accepted } = harness({ schedule: { job1: { function: 'test.ping', cron: '*/10 * * * *' } }, clock })
    running.start()

    expect(await call('show_next_fire_time', ['job1'])).toEqual({ result: true, next_fire_time: '2026-11-25T09:40:00' })
    expect(await call('show_next_fire_time', ['none'])).toEqual({ result: true, next_fire_time: null })
    expect(await call('skip_job', ['job1', 'noon'])).toEqual({ comment: 'Date string could not be parsed.', result: false })
    expect(await call('skip_job', ['job1', '2026-11-25T09:40:00'])).toEqual({ comment: 'Added Skip Job job1 in schedule.', result: true })
    expect(await call('postpone_job', ['job1', '09:50 25.11.2026', '09:53 25.11.2026'], { time_fmt: '%H:%M %d.%m.%Y' })).toEqual({
      comment: 'Postponed Job job1 in schedule.',
      result: true,
    })
    await clock.advance(35 * 60_000)
    await until(() => accepted.filter(({ ret }) => ret.schedule === 'job1').length === 2, 'two runs')

    const status = await call('job_status', ['job1'], { time_fmt: '%H:%M' })
    expect(status).toMatchObject({ name: 'job1', function: 'test.ping', cron: '*/10 * * * *', _next_fire_time: '10:10', _last_run: '10:00', _splay: null })
    expect(await call('job_status', ['none'])).toEqual({})
  })

  test('build_schedule_item only shows the item', async () => {
    const { call } = harness()

    expect(await call('build_schedule_item', ['job1'], { function: 'cmd.run', job_args: ['date'], job_kwargs: { shell: '/bin/sh' }, minutes: 5, splay: 3 })).toEqual({
      function: 'cmd.run',
      minutes: 5,
      args: ['date'],
      kwargs: { shell: '/bin/sh' },
      maxrunning: 1,
      name: 'job1',
      enabled: true,
      jid_include: true,
      splay: 3,
    })
    expect(await call('build_schedule_item', ['job1'], { seconds: 1 })).toEqual({ comment: 'Job function is required.', result: false })
  })
})

describe('copy and move', () => {
  const schedule = { job1: { function: 'test.echo', args: ['x'], seconds: 3600 } }

  test('add the job on other minions through the master', async () => {
    const requests: ValueObject[] = []
    const { call } = harness({
      schedule,
      services: {
        master: {
          request(load) {
            requests.push(load)
            return Promise.resolve(load['cmd'] === 'minion_pub' ? { jid: '20260101000000000000', minions: ['web2'] } : { web2: { ret: { result: true } } })
          },
        },
      },
    })

    expect(await call('copy', ['job1', 'web2'])).toEqual({ comment: 'Copied Job job1 from schedule to minion(s).', result: true, minions: ['web2'] })
    expect(requests[0]).toMatchObject({
      cmd: 'minion_pub',
      fun: 'schedule.add',
      tgt: 'web2',
      arg: ['job1', { __kwarg__: true, function: 'test.echo', job_args: ['x'], seconds: 3600, maxrunning: 1, enabled: true, jid_include: true }],
    })
    expect(await call('move', ['job1', 'web2'])).toMatchObject({ comment: 'Moved Job job1 from schedule.', minions: ['web2'] })
    expect(await call('list')).toBe('schedule: {}\n')
  })

  test('say that the master does not allow it', async () => {
    const { call } = harness({ schedule, services: { master: { request: () => Promise.resolve({}) } } })

    expect(await call('move', ['job1', 'web2'])).toBe('ERROR: The master did not publish schedule.add: its option peer must allow this minion to.')
    expect(await call('copy', ['none', 'web2'])).toMatchObject({ comment: 'Job none does not exist.', result: false })
  })
})

test('a file that cannot be read is an error that names it', async () => {
  const { call, directory, file } = harness()
  mkdirSync(join(directory, 'minion.d'))
  writeFileSync(file, 'schedule: [')

  expect(await call('list')).toContain(`ERROR: ${file} cannot be read: `)
})
