import { describe, expect, it } from 'vitest'
import { StoreUnavailableError } from '../../../agent/outbox/port.ts'
import type { SendResult } from '../../../agent/delivery/port.ts'
import { turns } from '../../helpers/fake-clock.ts'
import { never, refused, rig } from './fakes.ts'

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

describe('a lane', () => {
  it('sends what is queued, settles what was acknowledged, and sends it once', async () => {
    const { clock, outbox, destination, accept, lane } = rig()
    await accept('a', 'b', 'c')
    await clock.advance(10)

    expect(destination.sends.map(({ jids }) => jids)).toEqual([['a'], ['b'], ['c']])
    expect(outbox.books('d')).toMatchObject({ accepted: 3, delivered: 3, queued: 0 })
    expect(lane.status()).toMatchObject({ delivered: 3, retried: 0, resent: 0, inFlight: 0, state: 'healthy' })
  })

  it('settles nothing before the destination has acknowledged', async () => {
    const acknowledgement = Promise.withResolvers<SendResult>()
    const { clock, outbox, accept } = rig({
      destination: { answer: () => acknowledgement.promise },
    })
    await accept('a')
    await clock.advance(20_000)
    expect(outbox.books('d').delivered).toBe(0)

    acknowledgement.resolve({ kind: 'delivered' })
    await clock.advance(0)
    expect(outbox.books('d').delivered).toBe(1)
  })

  it('keeps the version of the rules that made the view with each delivery', async () => {
    const { clock, outbox, accept } = rig({ destination: { viewVersion: 7 } })
    await accept('a')
    await clock.advance(0)

    expect(outbox.outcomes('delivered')[0]?.outcome).toMatchObject({ viewVersion: 7 })
  })

  it('has no more sends under way than the destination allows', async () => {
    const { clock, destination, accept } = rig({ destination: { maxInFlight: 3, answer: never } })
    await accept('a', 'b', 'c', 'd', 'e')
    await clock.advance(0)

    expect(destination.maxSeenInFlight).toBe(3)
  })

  it('hands over batches within count and bytes', async () => {
    const { clock, destination, accept } = rig({
      destination: { maxBatch: 4 },
      settings: { maxBatchBytes: 30 },
    })
    await Promise.all(['a', 'b', 'c', 'd', 'e'].map((jid) => accept(jid)))
    await clock.advance(0)

    expect(destination.sends.map(({ jids }) => jids.length)).toEqual([3, 2])
  })

  it('claims no more while too many bytes are under way', async () => {
    const { clock, destination, accept } = rig({
      destination: { maxInFlight: 8, answer: never },
      settings: { maxInFlightBytes: 25 },
    })
    await accept('a', 'b', 'c', 'd', 'e')
    await clock.advance(0)

    expect(destination.inFlight).toBe(3)
  })
})

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

describe('one item', () => {
  it('that fails again and again is set aside and blocks nothing behind it', async () => {
    const { clock, outbox, destination, accept } = rig({
      destination: { answer: ([item]) => (item?.jid === 'poison' ? { kind: 'retry', error: 'breaks me' } : { kind: 'delivered' }) },
    })
    await accept('poison', 'a', 'b', 'c')
    await clock.advance(5 * MINUTE)

    expect(outbox.books('d')).toMatchObject({ delivered: 3, queued: 1, dead: 0 })
    const tries = destination.sends.filter(({ jids }) => jids.includes('poison')).length
    expect(tries).toBeGreaterThan(5)
    expect(tries).toBeLessThan(25)
    await accept('later')
    await clock.advance(0)

    expect(outbox.outcomes('delivered').at(-1)?.jid).toBe('later')
  })

  it('that breaks whole batches ends up alone', async () => {
    const { clock, outbox, accept } = rig({
      destination: {
        maxBatch: 10,
        answer: (batch) => (batch.some(({ jid }) => jid === 'poison') ? { kind: 'retry', error: 'breaks me' } : { kind: 'delivered' }),
      },
    })
    await Promise.all(['a', 'b', 'poison', 'c', 'd', 'e', 'f'].map((jid) => accept(jid)))
    await clock.advance(5 * MINUTE)

    expect(outbox.books('d')).toMatchObject({ delivered: 6, queued: 1 })
  })

  it('becomes a dead letter only by a permanent fault of its own', async () => {
    const { clock, outbox, alarms, accept } = rig({
      destination: { answer: ([item]) => (item?.jid === 'bad' ? { kind: 'permanent', error: 'not utf-8' } : { kind: 'delivered' }) },
    })
    await accept('a', 'bad', 'b')
    await clock.advance(0)

    expect(outbox.books('d')).toMatchObject({ delivered: 2, dead: 1, queued: 0 })
    expect(outbox.outcomes('dead').map(({ jid }) => jid)).toEqual(['bad'])
    expect(alarms).toEqual([{ destination: 'd', kind: 'dead', error: 'not utf-8', count: 1 }])
  })

  it('never dies of missing credentials: the destination is tried hourly and alarmed once', async () => {
    const { clock, outbox, destination, alarms, accept } = rig({
      destination: { answer: () => ({ kind: 'operator', error: 'password refused' }) },
    })
    await accept('a')
    await clock.advance(24 * HOUR)

    expect(outbox.books('d')).toMatchObject({ queued: 1, dead: 0 })
    expect(destination.sends.length).toBeGreaterThanOrEqual(22)
    expect(destination.sends.length).toBeLessThanOrEqual(27)
    expect(alarms).toEqual([{ destination: 'd', kind: 'operator', error: 'password refused', count: 1 }])
  })

  it('that alone is refused waits an hour while the others pass', async () => {
    const { clock, outbox, destination, alarms, accept } = rig({
      destination: { answer: ([item]) => (item?.jid === 'bad' ? { kind: 'operator', scope: 'item', error: 'no' } : { kind: 'delivered' }) },
    })
    await accept('bad', 'a', 'b')
    await clock.advance(50 * MINUTE)
    expect(outbox.books('d')).toMatchObject({ delivered: 2, queued: 1 })
    expect(destination.sends.filter(({ jids }) => jids.includes('bad')).length).toBe(1)
    await clock.advance(20 * MINUTE)

    expect(destination.sends.filter(({ jids }) => jids.includes('bad')).length).toBe(2)
    expect(alarms.every(({ kind }) => kind === 'set-aside')).toBe(true)
  })
})

describe('a batch', () => {
  it('that can never be stored is sent one by one to find the culprit', async () => {
    const { clock, outbox, destination, accept } = rig({
      destination: {
        maxBatch: 10,
        answer: (batch) => (batch.some(({ jid }) => jid === 'bad') ? { kind: 'permanent', error: 'schema' } : { kind: 'delivered' }),
      },
    })
    await Promise.all(['a', 'bad', 'b'].map((jid) => accept(jid)))
    await clock.advance(0)

    expect(outbox.outcomes('dead').map(({ jid }) => jid)).toEqual(['bad'])
    expect(outbox.books('d')).toMatchObject({ delivered: 2, dead: 1 })
    expect(destination.sends.map(({ jids }) => jids)).toEqual([['a', 'bad', 'b'], ['a'], ['bad'], ['b']])
  })

  it('gives back what it had not tried when the destination dies in the middle of that', async () => {
    let well = true
    const { clock, outbox, accept } = rig({
      destination: {
        maxBatch: 10,
        answer: (batch) => {
          if (batch.length > 1) return { kind: 'permanent', error: 'schema' }
          well = batch[0]?.jid === 'a'
          return well ? { kind: 'delivered' } : refused
        },
      },
    })
    await Promise.all(['a', 'b', 'c'].map((jid) => accept(jid)))
    await clock.advance(0)

    expect(outbox.books('d')).toMatchObject({ delivered: 1, queued: 2, dead: 0 })
    expect(outbox.held('d')).toBe(0)
  })

  it('of which only a part was taken is settled item by item', async () => {
    const { clock, outbox, destination, accept } = rig({
      destination: {
        maxBatch: 10,
        answer: (batch) => {
          if (batch.length === 1) return { kind: 'delivered' }
          const [first, second] = batch
          return {
            kind: 'partial',
            stored: [first?.deliveryId ?? 0, 999],
            rejected: [{ deliveryId: second?.deliveryId ?? 0, error: 'too large' }],
          }
        },
      },
    })
    await Promise.all(['a', 'b', 'c'].map((jid) => accept(jid)))
    await clock.advance(0)
    expect(outbox.books('d')).toMatchObject({ delivered: 1, dead: 1, queued: 1 })
    expect(destination.sends.length).toBe(1)
    await clock.advance(MINUTE)

    expect(outbox.books('d')).toMatchObject({ delivered: 2, dead: 1, queued: 0 })
  })
})

describe('a send that does not end', () => {
  it('is aborted at its deadline, given up after the grace, and its destination opened anew', async () => {
    const { clock, outbox, destination, accept, lane } = rig({ destination: { answer: never } })
    await accept('a')
    await clock.advance(29_999)
    expect(destination.sends[0]?.signal.aborted).toBe(false)
    await clock.advance(1)
    expect(destination.sends[0]?.signal.aborted).toBe(true)
    expect(lane.status().inFlight).toBe(1)
    await clock.advance(5000)
    expect(lane.status()).toMatchObject({ inFlight: 0, retried: 1, lastError: 'no answer within 30000 ms' })
    expect(destination.closed).toBe(1)
    destination.answer = () => ({ kind: 'delivered' })
    await clock.advance(MINUTE)

    expect(outbox.books('d').delivered).toBe(1)
    expect(lane.status().resent).toBe(1)
  })

  it('counts as delivered when the acknowledgement still comes within the grace', async () => {
    const { clock, outbox, accept } = rig({
      destination: {
        answer: (_batch, signal) => new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve({ kind: 'delivered' }))
        }),
      },
    })
    await accept('a')
    await clock.advance(30_000)

    expect(outbox.books('d').delivered).toBe(1)
  })

  it('has longer when it carries more', async () => {
    const { clock, destination, outbox, lane } = rig({
      destination: { answer: never },
      settings: { send: { deadlineMs: 1000, perMebibyteMs: 16_000, graceMs: 0 } },
    })
    outbox.preload(lane.ref, 1, new Uint8Array(2 * 2 ** 20))
    lane.wake()
    await clock.advance(32_999)
    expect(destination.sends[0]?.signal.aborted).toBe(false)
    await clock.advance(1)

    expect(destination.sends[0]?.signal.aborted).toBe(true)
  })
})

describe('a fault inside the lane', () => {
  it('is told and survived when the outbox cannot be read', async () => {
    const { clock, outbox, alarms, accept } = rig()
    outbox.breakClaim(new Error('disk I/O error'))
    await accept('a')
    await clock.advance(0)
    expect(alarms).toEqual([{ destination: 'd', kind: 'internal', error: 'disk I/O error', count: 1 }])
    await clock.advance(MINUTE)

    expect(outbox.books('d').delivered).toBe(1)
  })

  it('is survived when a destination throws instead of answering', async () => {
    let calls = 0
    const { clock, outbox, accept } = rig({
      destination: {
        answer: () => {
          calls += 1
          if (calls === 1) throw new Error('boom')
          return { kind: 'delivered' }
        },
      },
    })
    await accept('a')
    await clock.advance(MINUTE)

    expect(outbox.books('d').delivered).toBe(1)
  })

  it('does not send again and again what cannot be settled', async () => {
    const { clock, outbox, destination, accept, lane } = rig()
    const settle = outbox.settle.bind(outbox)
    outbox.settle = () => Promise.reject(new Error('constraint failed'))
    await accept('a')
    await clock.advance(HOUR)
    expect(destination.sends.length).toBeLessThan(200)
    outbox.settle = settle
    await clock.advance(2 * MINUTE)

    expect(outbox.books('d').delivered).toBe(1)
    expect(lane.busy).toBe(false)
  })

  it('does not send twice what was acknowledged while the store could not be written', async () => {
    const { clock, outbox, destination, accept, lane } = rig()
    const settle = outbox.settle.bind(outbox)
    outbox.settle = () => Promise.reject(new StoreUnavailableError('disk full'))
    await accept('a')
    await clock.advance(24 * HOUR)
    expect(destination.sends.length).toBe(1)
    outbox.settle = settle
    lane.wake()
    await clock.advance(0)

    expect(outbox.books('d').delivered).toBe(1)
    expect(destination.sends.length).toBe(1)
  })
})

describe('a wall clock that steps', () => {
  it.each([24 * HOUR, -24 * HOUR])('by %i ms loses, reorders and storms nothing', async (step) => {
    let well = false
    const { clock, outbox, destination, accept } = rig({
      random: sequence(), destination: { answer: () => (well ? { kind: 'delivered' } : refused) },
    })
    await accept('a', 'b', 'c', 'd', 'e')
    await clock.advance(10 * MINUTE)
    const before = destination.sends.length
    clock.stepWall(step)
    await clock.advance(10 * MINUTE)
    const after = destination.sends.length - before
    well = true
    await clock.advance(2 * MINUTE)

    expect(after).toBeGreaterThan(8)
    expect(after).toBeLessThan(60)
    expect(outbox.books('d')).toMatchObject({ delivered: 5, queued: 0 })
  })

  it('while the store cannot be written moves no item that is set aside afterwards', async () => {
    const { clock, outbox, destination, accept } = rig({
      destination: { answer: () => ({ kind: 'operator', scope: 'item', error: 'no' }) },
    })
    const settle = outbox.settle.bind(outbox)
    outbox.settle = () => Promise.reject(new StoreUnavailableError('disk full'))
    await accept('bad')
    await clock.advance(MINUTE)
    clock.stepWall(-24 * HOUR)
    outbox.settle = settle
    await clock.advance(90 * MINUTE)

    expect(destination.sends.length).toBe(2)
  })

  it('moves no item that is set aside', async () => {
    const { clock, destination, accept } = rig({
      destination: { answer: ([item]) => (item?.jid === 'bad' ? { kind: 'operator', scope: 'item', error: 'no' } : { kind: 'delivered' }) },
    })
    await accept('bad')
    await clock.advance(0)
    for (const step of [24 * HOUR, -48 * HOUR]) {
      clock.stepWall(step)
      await accept(`a${step}`)
      await clock.advance(10 * MINUTE)
    }
    expect(destination.sends.filter(({ jids }) => jids.includes('bad')).length).toBe(1)
    await clock.advance(45 * MINUTE)

    expect(destination.sends.filter(({ jids }) => jids.includes('bad')).length).toBe(2)
  })
})

describe('a destination that is no longer configured', () => {
  it('pauses its lane, is told once, keeps its returns, and goes on when it is back', async () => {
    let configured = false
    const made = rig({
      open: () => {
        if (!configured) throw new Error('no returner d')
        return made.destination
      },
    })
    const { clock, outbox, destination, lane, alarms, accept } = made
    await accept('a')
    await clock.advance(HOUR)
    expect(lane.status()).toMatchObject({ state: 'paused', lastError: 'no returner d' })
    expect(alarms.map(({ kind }) => kind)).toEqual(['paused'])
    expect(outbox.books('d')).toMatchObject({ queued: 1, dead: 0 })
    configured = true
    lane.reopen()
    await clock.advance(10)

    expect(destination.sends.length).toBe(1)
    expect(alarms.map(({ kind }) => kind)).toEqual(['paused', 'up'])
  })

  it('gets today\'s options after a change, once what is under way has ended', async () => {
    const { clock, destination, accept, lane } = rig()
    await accept('a')
    await clock.advance(0)
    lane.reopen()
    await accept('b')
    await clock.advance(0)

    expect(destination.closed).toBe(1)
    expect(destination.sends.length).toBe(2)
  })
})

describe('stopping', () => {
  it('waits for what is under way and starts nothing more', async () => {
    const acknowledgement = Promise.withResolvers<SendResult>()
    const { clock, outbox, destination, accept, lane } = rig({
      destination: { answer: () => acknowledgement.promise },
    })
    await accept('a', 'b')
    await clock.advance(0)
    const stopped = lane.stop(10_000)
    await clock.advance(5000)
    acknowledgement.resolve({ kind: 'delivered' })
    await clock.advance(0)
    await stopped

    expect(outbox.books('d')).toMatchObject({ delivered: 1, queued: 1 })
    expect(outbox.held('d')).toBe(0)
    expect(destination.closed).toBe(1)
  })

  it('sends no more of a batch that goes one by one when the time is over', async () => {
    const { clock, outbox, destination, accept, lane } = rig({
      destination: { maxBatch: 10, answer: (batch) => (batch.length > 1 ? { kind: 'permanent', error: 'schema' } : { kind: 'delivered' }) },
    })
    const settling = Promise.withResolvers<void>()
    const settle = outbox.settle.bind(outbox)
    outbox.settle = (outcomes) => settling.promise.then(() => settle(outcomes))
    await Promise.all(['a', 'b', 'c'].map((jid) => accept(jid)))
    await clock.advance(0)
    const stopped = lane.stop(0)
    await clock.advance(0)
    settling.resolve()
    await clock.advance(5000)
    await stopped

    expect(destination.sends.map(({ jids }) => jids)).toEqual([['a', 'b', 'c'], ['a']])
    expect(outbox.held('d')).toBe(0)
  })

  it('gives back what a destination does not end in time, uncounted', async () => {
    const { clock, outbox, destination, accept, lane } = rig({ destination: { answer: never } })
    await accept('a')
    await clock.advance(0)
    const stopped = lane.stop(10_000)
    await clock.advance(10_000)
    await stopped

    expect(destination.sends[0]?.signal.aborted).toBe(true)
    expect(outbox.held('d')).toBe(0)
    expect(outbox.outcomes('retry')).toEqual([])
    expect(lane.status().state).toBe('stopped')
    lane.wake()
    await turns()
    expect(destination.sends.length).toBe(1)
    expect(clock.pending()).toEqual([])
  })
})
