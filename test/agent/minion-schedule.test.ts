import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { LinkState } from '../../agent/link/port.ts'
import { silentLogger } from '../../agent/log.ts'
import { beginSchedule, createMinionSchedule } from '../../agent/minion-schedule.ts'
import { loadConfig } from '../../config/load.ts'
import { createFakeClock } from '../helpers/fake-clock.ts'
import { fakeLink } from './delivery/fake-link.ts'
import type { FakeLink } from './delivery/fake-link.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'brine-schedule-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

/** A minion's schedule with one job a minute, and the master that each run's return goes to. */
async function bench(links: FakeLink[], yaml = '') {
  writeFileSync(join(root, 'minion'), `id: m1\nschedule: {job: {function: test.ping, minutes: 1}}\n${yaml}`)
  const clock = createFakeClock()
  const masters: (string | undefined)[] = []
  const parts = {
    loaded: await loadConfig({ directory: root, environment: {} }),
    log: silentLogger,
    clock,
    links: links.map((link, at) => ({ master: `master${at}`, link })),
    grains: { current: () => ({}) },
    pillar: { current: () => ({}), onChange: () => {} },
    start(_job: object, master: string | undefined) {
      masters.push(master)
      return Promise.resolve({ jid: '1', over: Promise.resolve(undefined) })
    },
  }
  const { schedule } = createMinionSchedule(parts)
  beginSchedule(schedule, parts)
  return { clock, masters }
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
