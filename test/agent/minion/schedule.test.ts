import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { LinkState } from '../../../agent/link/port.ts'
import { silentLogger } from '../../../agent/log.ts'
import { createScheduledStart } from '../../../agent/minion/mine.ts'
import { beginSchedule, createMinionSchedule } from '../../../agent/minion/schedule.ts'
import type { ScheduledJob } from '../../../agent/schedule/local-job.ts'
import type { JobReturn } from '../../../agent/wire/job-return.ts'
import { loadConfig } from '../../../config/load.ts'
import { createFakeClock } from '../../helpers/fake-clock.ts'
import { fakeLink } from '../delivery/fake-link.ts'
import type { FakeLink } from '../delivery/fake-link.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'brine-schedule-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

/** A minion's schedule with one job a minute, and the master that each run's return goes to. */
async function bench(links: FakeLink[], yaml = '', schedule = 'job: {function: test.ping, minutes: 1}') {
  writeFileSync(join(root, 'minion'), `id: m1\nschedule: {${schedule}}\n${yaml}`)
  const clock = createFakeClock()
  const masters: (string | undefined)[] = []
  const jobs: { kept: boolean; load: unknown }[] = []
  const listeners: (() => void)[] = []
  const loaded = await loadConfig({ directory: root, environment: {} })
  const startScheduled = createScheduledStart(
    loaded.config,
    {
      runLocal: (load) => (jobs.push({ kept: false, load }), Promise.resolve({ success: false, return: 'no master' } as unknown as JobReturn)),
      startLocal: (load) => (jobs.push({ kept: true, load }), Promise.resolve({ jid: '1', over: Promise.resolve(undefined) })),
    },
    silentLogger,
  )
  const parts = {
    loaded,
    log: silentLogger,
    clock,
    links: links.map((link, at) => ({ master: `master${at}`, link })),
    grains: { current: () => ({}) },
    pillar: { current: () => ({}), onChange: (listener: () => void) => void listeners.push(listener) },
    start(job: ScheduledJob, master: string | undefined) {
      masters.push(master)
      return startScheduled(job, master)
    },
  }
  const made = createMinionSchedule(parts)
  beginSchedule(made.schedule, parts)
  return { clock, masters, jobs, control: made.control, pillarCame: () => listeners.forEach((listener) => listener()) }
}

const link = (state: LinkState, fingerprint: string | undefined, onState?: FakeLink['onState']) =>
  fakeLink({ state, ...(onState === undefined ? {} : { onState }), ...({ fingerprint } as { fingerprint: string }) })

describe('the schedule of a minion', () => {
  test('returns to the master that is connected, else to the one that was', async () => {
    const first = link('waiting', 'aa:bb')
    const second = link('connected', 'cc:dd')
    const { clock, masters } = await bench([first, second])

    await clock.advance(60_000)
    second.state = 'waiting'
    await clock.advance(60_000)

    expect(masters).toEqual(['cc:dd', 'aa:bb'])
  })

  test('waits for the first connection while no master is known', async () => {
    const listeners: ((state: LinkState) => void)[] = []
    const only = link('connecting', undefined, (listener) => void listeners.push(listener))
    const { clock, masters } = await bench([only])
    await clock.advance(120_000)
    expect(masters).toEqual([])

    Object.assign(only, { fingerprint: 'aa:bb', state: 'connected' })
    for (const listener of listeners) listener('connected')
    await clock.advance(60_000)

    expect(masters).toEqual(['aa:bb'])
  })

  test('does not with scheduler_before_connect, nor without a master', async () => {
    const before = await bench([link('connecting', undefined)], 'scheduler_before_connect: true\n')
    await before.clock.advance(60_000)
    const without = await bench([], 'master_type: disable\n')
    await without.clock.advance(60_000)

    expect([before.masters, without.masters]).toEqual([[undefined], [undefined]])
  })
})

describe('the update of the mine', () => {
  const hour = 3_600_000
  const masterless = 'file_client: local\n'
  const item = { function: 'mine.update', minutes: 60, jid_include: true, maxrunning: 2, run_on_start: true, return_job: false }

  test('is a job of the schedule from the first pillar on, and leaves no trace', async () => {
    const { clock, jobs, control, pillarCame } = await bench([], masterless, '')
    await clock.advance(2 * hour)
    expect([jobs, control.items('all')]).toEqual([[], {}])

    pillarCame()
    pillarCame()
    await clock.advance(hour + 1000)

    const load = { fun: 'mine.update', arg: [], schedule: '__mine_interval', tgt: 'm1', tgt_type: 'glob', jid: 'mine-update' }
    expect(jobs).toEqual([{ kept: false, load }, { kept: false, load }])
    expect(control.items('opts')).toEqual({ __mine_interval: item })
    expect(control.items('pillar')).toEqual({})
  })

  test('returns like any other job with mine_return_job, in its own interval; with mine_enabled: False there is none', async () => {
    const returned = await bench([], `${masterless}mine_return_job: True\nmine_interval: 90s\n`, '')
    returned.pillarCame()
    await returned.clock.advance(90_000)
    expect(returned.jobs).toMatchObject([{ kept: true }, { kept: true, load: { fun: 'mine.update', more: { schedule: '__mine_interval' } } }])

    const disabled = await bench([], `${masterless}mine_enabled: False\n`, '__mine_interval: {function: mine.update, minutes: 1}')
    disabled.pillarCame()
    await disabled.clock.advance(hour)
    expect([disabled.jobs, disabled.control.items('all')]).toEqual([[], {}])
  })

  test('can be changed like any other job, and is never saved', async () => {
    const { clock, jobs, control, pillarCame } = await bench([], masterless, '__mine_interval: {function: test.ping, seconds: 1}')
    pillarCame()
    await clock.advance(0)
    expect(jobs).toHaveLength(1)

    control.change((schedule) => {
      schedule['__mine_interval'] = { ...item, enabled: false }
      schedule['other'] = { function: 'test.ping', days: 1 }
    }, true)
    pillarCame()
    await clock.advance(2 * hour)

    expect(jobs).toHaveLength(1)
    expect(control.items('all')).toEqual({ __mine_interval: { ...item, enabled: false }, other: { function: 'test.ping', days: 1 } })
    expect(readFileSync(join(root, 'minion.d', '_schedule.conf'), 'utf8')).toBe('schedule:\n  other:\n    days: 1\n    function: test.ping\n')
    control.change((schedule) => void delete schedule['__mine_interval'], false)
    pillarCame()
    expect(Object.keys(control.items('all'))).toEqual(['other'])
  })
})
