import { describe, expect, it } from 'vitest'
import { refused, rig } from './fakes.ts'

const HOUR = 3_600_000
const MINUTE = 60_000

/** A sequence in [0, 1) that is the same in every run. */
function sequence(): () => number {
  let state = 12_345
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
}

describe('a destination that is down', () => {
  it.each([1, 10_000])('gets one probe of one item per interval with %i queued', async (queued) => {
    const { clock, destination, lane } = rig({
      preload: queued, random: sequence(), destination: { maxBatch: 500, maxInFlight: 8, answer: () => refused },
    })
    lane.wake()
    await clock.advance(HOUR)

    const gaps = destination.sends.slice(1).map(({ at }, index) => at - (destination.sends[index]?.at ?? 0))
    expect(destination.maxSeenInFlight).toBe(1)
    expect(destination.sends.slice(1).every(({ jids }) => jids.length === 1)).toBe(true)
    // An interval is half a minute on average once the cap is reached.
    expect(destination.sends.length).toBeGreaterThan(80)
    expect(destination.sends.length).toBeLessThan(160)
    expect(Math.max(...gaps)).toBeLessThanOrEqual(2 * MINUTE)
  })

  it('is probed as often with a large backlog as with a small one', async () => {
    const counts: number[] = []
    for (const queued of [10, 10_000]) {
      const { clock, destination, lane } = rig({ preload: queued, random: sequence(), destination: { answer: () => refused } })
      lane.wake()
      await clock.advance(HOUR)
      counts.push(destination.sends.length)
    }

    expect(Math.abs((counts[0] ?? 0) - (counts[1] ?? 0))).toBeLessThanOrEqual(20)
  })

  it('gets no more probes because fresh returns keep coming', async () => {
    const { clock, destination, accept } = rig({ destination: { answer: () => refused } })
    await accept('first')
    await clock.advance(10 * MINUTE)
    const before = destination.sends.length
    for (let index = 0; index < 100; index += 1) {
      await accept(`f${index}`)
      await clock.advance(10)
    }

    expect(destination.sends.length - before).toBeLessThanOrEqual(1)
  })

  it('is never given up', async () => {
    let well = false
    const { clock, outbox, destination, accept } = rig({ destination: { answer: () => (well ? { kind: 'delivered' } : refused) } })
    await accept('a')
    await clock.advance(3 * 24 * HOUR)
    expect(outbox.books('d')).toMatchObject({ queued: 1, dead: 0 })
    expect(destination.sends.length).toBeGreaterThan(5000)
    well = true
    await clock.advance(2 * MINUTE)

    expect(outbox.books('d')).toMatchObject({ queued: 0, delivered: 1 })
  })

  it('is tried at once when an operator says so', async () => {
    const { clock, destination, accept, lane } = rig({ destination: { answer: () => refused } })
    await accept('a', 'b')
    await clock.advance(10 * MINUTE)
    const before = destination.sends.length
    lane.nudge()
    await clock.advance(0)

    expect(destination.sends.length).toBe(before + 1)
  })

  it('is told once when it goes down and once when it is up again', async () => {
    let well = false
    const { clock, alarms, accept } = rig({ destination: { answer: () => (well ? { kind: 'delivered' } : refused) } })
    await accept('a')
    await clock.advance(HOUR)
    expect(alarms).toEqual([{ destination: 'd', kind: 'down', error: 'connection refused', count: 1 }])
    well = true
    await clock.advance(2 * MINUTE)

    expect(alarms.map(({ kind }) => kind)).toEqual(['down', 'up'])
  })

  it('causes no alarm by a single hiccup', async () => {
    let failures = 1
    const { clock, alarms, outbox, accept } = rig({
      destination: { answer: () => (failures-- > 0 ? refused : { kind: 'delivered' }) },
    })
    await accept('a')
    await clock.advance(MINUTE)

    expect(outbox.books('d').delivered).toBe(1)
    expect(alarms).toEqual([])
  })

  it('is not sent to before the time that it named', async () => {
    let first = true
    const { clock, destination, accept } = rig({
      destination: {
        answer: () => {
          if (!first) return { kind: 'delivered' }
          first = false
          return { kind: 'retry', error: '429', afterMs: 300_000 }
        },
      },
    })
    await accept('a', 'b')
    await clock.advance(299_999)
    expect(destination.sends.length).toBe(1)
    await clock.advance(1001)

    expect(destination.sends.length).toBeGreaterThan(1)
  })

  it('counts no attempt against an item that was not handed over', async () => {
    const { clock, outbox, destination, accept } = rig({
      destination: { answer: () => ({ kind: 'retry', error: 'not connected', untried: true }) },
    })
    await accept('a')
    await clock.advance(HOUR)

    expect(destination.sends.at(-1)?.attempts).toEqual([0])
    expect(outbox.outcomes('retry')).toEqual([])
    expect(outbox.held('d')).toBe(0)
  })
})

describe('a destination that recovers', () => {
  it('meets a trickle, not a stampede', async () => {
    let well = false
    const { clock, destination, lane } = rig({
      preload: 2000, destination: { maxInFlight: 8, answer: () => (well ? { kind: 'delivered' } : refused) },
    })
    lane.wake()
    await clock.advance(10 * MINUTE)
    well = true
    const before = destination.sends.length
    lane.nudge()
    await clock.advance(11_000)
    const recovery = destination.sends.slice(before)
    const start = recovery[0]?.at ?? 0

    for (let second = 0; second < 10; second += 1) {
      const sends = recovery.filter(({ at }) => at >= start + second * 1000 && at < start + (second + 1) * 1000)
      expect(sends.length).toBeLessThanOrEqual(115)
      expect(sends.length).toBeGreaterThanOrEqual(85)
    }
  })

  it('gets what is accepted from then on before the backlog, and a fifth of the sends still go to the backlog', async () => {
    const { clock, destination, accept, outbox, lane } = rig({ preload: 1000, settings: { drain: { perSecond: 0.01, burst: 1 } } })
    lane.wake()
    for (let index = 0; index < 200; index += 1) await accept(`f${index}`)
    await clock.advance(0)
    const jids = destination.sends.flatMap((send) => send.jids)

    expect(jids[0]).toBe('f0')
    expect(jids.filter((jid) => jid.startsWith('f')).length).toBe(200)
    expect(jids.filter((jid) => jid.startsWith('old')).length).toBe(50)
    expect(outbox.queued('d')).toBe(950)
  })

  it('treats what was accepted while it was down as backlog', async () => {
    let well = false
    const { clock, outbox, destination, accept } = rig({
      destination: { answer: () => (well ? { kind: 'delivered' } : refused) }, settings: { drain: { perSecond: 0.01, burst: 1 } },
    })
    await accept('a', 'b', 'c', 'd', 'e')
    await clock.advance(MINUTE)
    well = true
    await clock.advance(MINUTE)
    const before = destination.sends.length
    expect(outbox.queued('d')).toBeGreaterThanOrEqual(3)
    await accept('fresh')
    await clock.advance(0)

    expect(destination.sends[before]?.jids).toEqual(['fresh'])
  })
})
