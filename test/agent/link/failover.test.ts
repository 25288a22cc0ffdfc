import { beforeEach, describe, expect, test } from 'vitest'
import { createFailover, type Candidate, type Failover, type FailoverSettings } from '../../../agent/link/failover.ts'
import type { LinkState } from '../../../agent/link/port.ts'
import { silentLogger } from '../../../agent/log.ts'
import { createFakeClock, type FakeClock } from '../../helpers/fake-clock.ts'
import { fakeLink } from '../delivery/fake-link.ts'

const SECOND = 1000
const SETTINGS: FailoverSettings = {
  patienceMs: 0, failback: false, failbackIntervalMs: 30 * SECOND, visitIntervalMs: 60 * SECOND, visitMs: 300 * SECOND, roundBaseMs: SECOND, roundCapMs: 10 * SECOND,
}

/** A master whose link goes where the test says, from where it is started on. */
interface Scripted extends Candidate {
  /** Where a start leads to; connecting leads nowhere by itself. */
  onStart: LinkState
  starts: number
  go(state: LinkState): Promise<void>
}

let clock: FakeClock
let candidates: Scripted[]
let owed: Set<string>
let settled: string[]
let failover: Failover

function scripted(master: string): Scripted {
  const listeners: ((state: LinkState) => void)[] = []
  const link = fakeLink({
    state: 'stopped',
    start() {
      self.starts += 1
      link.state = 'connecting'
      queueMicrotask(() => void self.go(self.onStart))
    },
    async stop() {
      link.state = 'stopped'
    },
    onState: (listener) => void listeners.push(listener),
  })
  const self: Scripted = {
    master,
    link,
    onStart: 'waiting',
    starts: 0,
    async go(state) {
      link.state = state
      for (const listener of listeners) listener(state)
      await clock.advance(0)
    },
  }
  return self
}

beforeEach(() => {
  clock = createFakeClock()
  candidates = ['a', 'b', 'c'].map(scripted)
  owed = new Set()
  settled = []
})

function begin(settings: Partial<FailoverSettings> = {}): [Scripted, Scripted, Scripted] {
  failover = createFailover(candidates, { ...SETTINGS, ...settings }, {
    clock, log: silentLogger, isOwed: ({ master }) => owed.has(master), onSettled: ({ master }) => settled.push(master),
  })
  failover.start()
  return candidates as [Scripted, Scripted, Scripted]
}

const running = (): string[] => candidates.filter(({ link }) => link.state !== 'stopped').map(({ master }) => master)

describe('seeking', () => {
  test.each<LinkState>(['waiting', 'pending', 'rejected', 'full'])('goes on from a master that is %s to the next, and only one link runs', async (state) => {
    const [a, b] = candidates as [Scripted, Scripted]
    a.onStart = state
    b.onStart = 'connected'
    begin()
    await clock.advance(0)

    expect([failover.state, failover.current?.master, running(), settled]).toEqual(['settled', 'b', ['b'], ['b']])
  })

  test('waits after a round, longer each time up to the cap, for ever', async () => {
    begin()
    const [a] = candidates as [Scripted]
    for (let second = 0; second < 120; second += 1) await clock.advance(SECOND)
    expect(a.starts).toBeGreaterThan(120 / 10 - 1)
    expect(a.starts).toBeLessThan(60)
    a.onStart = 'connected'
    await clock.advance(10 * SECOND)
    expect(failover.state).toBe('settled')
  })
})

describe('settled', () => {
  test('a lost master has one more try, then the next is taken and it is the last of the round', async () => {
    const [a, b, c] = candidates as [Scripted, Scripted, Scripted]
    a.onStart = 'connected'
    c.onStart = 'connected'
    begin()
    await clock.advance(0)
    await a.go('waiting')
    expect([failover.state, running()]).toEqual(['doubting', ['a']])
    await a.go('connecting')
    await a.go('connected')
    expect([failover.state, settled]).toEqual(['settled', ['a', 'a']])

    await a.go('waiting')
    await a.go('connecting')
    await a.go('waiting')
    expect([failover.state, failover.current?.master, running()]).toEqual(['settled', 'c', ['c']])
    b.onStart = 'connected'
    a.onStart = 'connected'
    await c.go('waiting')
    await c.go('connecting')
    await c.go('waiting')
    expect(failover.current?.master).toBe('a')
  })

  test('with patience it may fail again and again for that long', async () => {
    const [a, b] = candidates as [Scripted, Scripted]
    a.onStart = 'connected'
    b.onStart = 'connected'
    begin({ patienceMs: 30 * SECOND })
    await clock.advance(0)
    for (let tries = 0; tries < 3; tries += 1) {
      await a.go('waiting')
      await clock.advance(9 * SECOND)
      await a.go('connecting')
    }
    expect(failover.state).toBe('doubting')
    await clock.advance(4 * SECOND)
    await a.go('waiting')
    expect(failover.current?.master).toBe('b')
  })

  test('a key that is pending when the patience is over is waited for no longer', async () => {
    const [a, b] = candidates as [Scripted, Scripted]
    a.onStart = 'connected'
    b.onStart = 'connected'
    begin({ patienceMs: 30 * SECOND })
    await clock.advance(0)
    await a.go('pending')
    await clock.advance(29 * SECOND)
    expect(failover.state).toBe('doubting')
    await clock.advance(SECOND)
    expect(failover.current?.master).toBe('b')
  })
})

describe('guests', () => {
  test('the first master is gone back to as soon as it connects, and not without master_failback', async () => {
    const [a, b] = candidates as [Scripted, Scripted]
    b.onStart = 'connected'
    begin({ failback: true })
    await clock.advance(0)
    await clock.advance(30 * SECOND)
    expect([failover.current?.master, running()]).toEqual(['b', ['b']])
    a.onStart = 'connected'
    await clock.advance(30 * SECOND)
    expect([failover.current?.master, running(), settled]).toEqual(['a', ['a'], ['b', 'a']])
  })

  test('a master that is owed returns is visited until it has them, and is not the current one', async () => {
    const [a, b] = candidates as [Scripted, Scripted]
    b.onStart = 'connected'
    begin()
    await clock.advance(0)
    a.onStart = 'connected'
    await clock.advance(60 * SECOND)
    expect(running()).toEqual(['b'])
    owed.add('a')
    await clock.advance(60 * SECOND)
    expect([failover.current?.master, running()]).toEqual(['b', ['a', 'b']])
    owed.delete('a')
    await clock.advance(SECOND)
    expect([failover.current?.master, running(), settled]).toEqual(['b', ['b'], ['b']])
  })

  test('leave when the current master is lost', async () => {
    const [a, b, c] = candidates as [Scripted, Scripted, Scripted]
    b.onStart = 'connected'
    begin()
    await clock.advance(0)
    a.onStart = 'connected'
    owed.add('a')
    await clock.advance(60 * SECOND)
    c.onStart = 'connected'
    await b.go('waiting')
    expect(running()).toEqual(['b'])
    await b.go('connecting')
    await b.go('waiting')
    expect([failover.current?.master, running()]).toEqual(['c', ['c']])
  })
})

test('stopping stops every link, guests too, and it can be started again', async () => {
  const [a, b] = candidates as [Scripted, Scripted]
  b.onStart = 'connected'
  begin()
  await clock.advance(0)
  a.onStart = 'connected'
  owed.add('a')
  await clock.advance(60 * SECOND)
  await failover.stop()
  expect([failover.state, failover.current, running()]).toEqual(['stopped', undefined, []])
  failover.start()
  await clock.advance(0)
  expect(failover.current?.master).toBe('a')
})
