import { describe, expect, it } from 'vitest'
import { createAlarms } from '../../../agent/delivery/alarms.ts'
import type { Alarm } from '../../../agent/delivery/alarms.ts'
import { masterDestination } from '../../../agent/delivery/destination-name.ts'
import { createLane } from '../../../agent/delivery/lane.ts'
import { createLanes } from '../../../agent/delivery/lanes.ts'
import type { Lanes } from '../../../agent/delivery/lanes.ts'
import { silentLogger } from '../../../agent/log.ts'
import type { DestinationRef } from '../../../agent/outbox/port.ts'
import { createFakeClock } from '../../helpers/fake-clock.ts'
import type { FakeClock } from '../../helpers/fake-clock.ts'
import { createFakeOutbox, newReturn, returnerRef } from './fake-outbox.ts'
import type { FakeOutbox } from './fake-outbox.ts'
import { laneSettings, never, refused, scripted } from './fakes.ts'
import type { ScriptedDestination } from './fakes.ts'

const MINUTE = 60_000

interface Rig {
  clock: FakeClock
  outbox: FakeOutbox
  lanes: Lanes
  alarms: Alarm[]
  destinations: Map<string, ScriptedDestination>
  destination: (name: string) => ScriptedDestination
  accept: (jid: string, ...names: string[]) => Promise<void>
}

function make(limit = 64): Rig {
  const clock = createFakeClock()
  const outbox = createFakeOutbox(clock)
  const told: Alarm[] = []
  const alarms = createAlarms(clock, (alarm) => told.push(alarm))
  const destinations = new Map<string, ScriptedDestination>()
  const destination = (name: string): ScriptedDestination => {
    const made = destinations.get(name) ?? scripted(clock, { name })
    destinations.set(name, made)
    return made
  }
  const open = (ref: DestinationRef): ScriptedDestination => destination(ref.name)
  const lanes = createLanes(limit, {
    outbox, clock, logger: silentLogger, alarms,
    createLane: (ref) => createLane(ref, laneSettings, { outbox, clock, logger: silentLogger, alarms, open }),
  })
  outbox.onQueued(lanes.queued)
  return {
    clock, outbox, lanes, alarms: told, destinations, destination,
    async accept(jid, ...names) {
      const refs = names.map(returnerRef)
      for (const ref of refs) lanes.admit(ref)
      await outbox.accept(newReturn(jid, refs))
    },
  }
}

describe('the lanes', () => {
  it.each(['hangs', 'refuses', 'throws', 'is slow'])('keep one destination that %s from delaying another or the intake', async (fault) => {
    const { clock, outbox, destination, accept } = make()
    destination('bad').answer = () => {
      if (fault === 'hangs') return never()
      if (fault === 'refuses') return refused
      if (fault === 'throws') throw new Error('boom')
      return new Promise((resolve) => clock.timer(20_000, () => resolve({ kind: 'delivered' })))
    }
    const latencies: number[] = []
    for (let index = 0; index < 200; index += 1) {
      const start = clock.monotonic()
      await accept(`j${index}`, 'bad', 'good')
      await clock.advance(0)
      latencies.push((destination('good').sends.at(-1)?.at ?? Infinity) - start)
      await clock.advance(100)
    }

    expect(outbox.books('good')).toMatchObject({ delivered: 200, queued: 0 })
    expect(Math.max(...latencies)).toBe(0)
    expect(outbox.books('bad').queued).toBeGreaterThan(190)
  })

  it('are made at start for everything that is queued', async () => {
    const { clock, outbox, lanes } = make()
    outbox.preload(returnerRef('a'), 3)
    outbox.preload(masterDestination('aa:bb'), 2)
    lanes.start()
    await clock.advance(1000)

    expect(outbox.books('a').delivered).toBe(3)
    expect(outbox.books('master:aa:bb').delivered).toBe(2)
  })

  it('are made on demand, also for what was moved to a destination that had none', async () => {
    const { clock, outbox, lanes } = make()
    outbox.preload(returnerRef('late'), 1)
    lanes.nudge('late')
    await clock.advance(1000)

    expect(outbox.books('late').delivered).toBe(1)
  })

  it('are at most 64, one place kept for the master; a destination more is refused and told', async () => {
    const { lanes, accept, destination, clock, alarms } = make()
    for (let index = 0; index < 63; index += 1) {
      destination(`r${index}`).answer = () => refused
      await accept(`j${index}`, `r${index}`)
    }
    await clock.advance(0)

    expect(lanes.admit(returnerRef('one-too-many'))).toBe(false)
    expect(lanes.admit(returnerRef('r7'))).toBe(true)
    expect(alarms.filter(({ kind }) => kind === 'refused')).toHaveLength(1)
    expect(lanes.admit(masterDestination('aa:bb'))).toBe(true)
    expect(lanes.report()).toHaveLength(64)
  })

  it('give the place of a destination without work to one that has some', async () => {
    const { lanes, accept, clock, outbox, destination } = make(4)
    for (let index = 0; index < 20; index += 1) {
      await accept(`j${index}`, `r${index}`)
      await clock.advance(0)
    }

    expect(outbox.books('r19').delivered).toBe(1)
    expect(lanes.report().length).toBeLessThanOrEqual(4)
    expect(destination('r0').closed).toBe(1)
  })

  it('let queued destinations wait for a place, listed, and give it to them when one is free', async () => {
    const { lanes, clock, outbox, destination } = make(3)
    let well = false
    for (const name of ['a', 'b', 'c']) {
      destination(name).answer = () => (well ? { kind: 'delivered' } : refused)
      outbox.preload(returnerRef(name), 1)
    }
    lanes.start()
    await clock.advance(MINUTE)
    expect(lanes.report().find(({ destination: name }) => name === 'c')).toMatchObject({ state: 'waiting', queued: 1 })
    well = true
    await clock.advance(3 * MINUTE)

    expect(outbox.books('c').delivered).toBe(1)
  })

  it('report state, depth, age, error, next attempt and counts', async () => {
    const { lanes, accept, clock, destination, outbox } = make()
    destination('a').answer = () => refused
    await accept('j1', 'a')
    await clock.advance(0)

    expect(outbox.queued('a')).toBe(1)
    expect(lanes.report()).toEqual([{
      destination: 'a', kind: 'returner', state: 'down', inFlight: 0, lastError: 'connection refused', nextAttemptAt: clock.now() + 500,
      delivered: 0, retried: 1, resent: 0, queued: 1, queuedBytes: 0, oldestQueuedAt: null,
    }])
  })

  it('stop together, as slowly as the slowest and no slower', async () => {
    const { lanes, accept, clock, destination, outbox } = make()
    for (const name of ['a', 'b', 'c']) destination(name).answer = never
    await accept('j1', 'a', 'b', 'c')
    await clock.advance(0)
    let stopped = false
    const stopping = lanes.stop(10_000).then(() => {
      stopped = true
      return stopped
    })
    await clock.advance(9999)
    expect(stopped).toBe(false)
    await clock.advance(1)
    await stopping
    await accept('j2', 'a', 'new')
    await clock.advance(MINUTE)

    expect(outbox.held('a')).toBe(0)
    expect(destination('a').sends).toHaveLength(1)
    expect(destination('new').sends).toHaveLength(0)
  })
})
