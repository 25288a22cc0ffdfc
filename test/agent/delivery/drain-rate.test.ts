import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createDrainRate } from '../../../agent/delivery/drain-rate.ts'
import type { DrainRate, Queue } from '../../../agent/delivery/drain-rate.ts'
import { createFakeClock } from '../../helpers/fake-clock.ts'

/** Sends one batch as a lane would: the first queue in turn that has something. Null when nothing may go. */
function sendOne(drain: DrainRate, waiting: Record<Queue, number>, maxBatch: number): { queue: Queue; count: number } | null {
  for (const { queue, limit } of drain.turns()) {
    const count = Math.min(waiting[queue], limit, maxBatch)
    if (count >= 1) {
      drain.took(queue, count)
      waiting[queue] -= count
      return { queue, count }
    }
    if (queue === 'backlog' && limit >= 1) drain.backlogIdle()
  }
  return null
}

describe('the drain rate', () => {
  it('sends fresh returns first', async () => {
    const clock = createFakeClock()
    const drain = createDrainRate({ perSecond: 1000, burst: 100 }, clock)
    await clock.advance(1000)

    expect(sendOne(drain, { fresh: 1, backlog: 100 }, 10)).toEqual({ queue: 'fresh', count: 1 })
  })

  it('leaves at least a fifth of the sends to the backlog, however many fresh ones there are and however slow the drain', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 25, max: 400 }), (maxBatch, sends) => {
      const drain = createDrainRate({ perSecond: 0.001, burst: 1 }, createFakeClock())
      const waiting = { fresh: Infinity, backlog: Infinity }
      const queues: Queue[] = []
      for (let index = 0; index < sends; index += 1) queues.push(sendOne(drain, waiting, maxBatch)?.queue ?? 'fresh')

      expect(queues.filter((queue) => queue === 'backlog').length).toBeGreaterThanOrEqual(Math.floor(sends / 5))
      // Small batches are the hard ones, and chance may leave them out.
    }), { examples: [[1, 100]] })
  })

  it('leaves at least a fifth of the items too, and fresh ones never wait for more than that', () => {
    const drain = createDrainRate({ perSecond: 0.001, burst: 1 }, createFakeClock())
    const waiting = { fresh: Infinity, backlog: Infinity }
    const sent = { fresh: 0, backlog: 0 }
    for (let index = 0; index < 1000; index += 1) {
      const one = sendOne(drain, waiting, 10)
      if (one !== null) sent[one.queue] += one.count
    }

    expect(sent.backlog / (sent.fresh + sent.backlog)).toBeCloseTo(0.2, 2)
  })

  it('lets a lone backlog drain at its rate and no faster', async () => {
    const clock = createFakeClock({ random: () => 0.5 })
    const drain = createDrainRate({ perSecond: 100, burst: 5 }, clock)
    const waiting = { fresh: 0, backlog: 10_000 }
    for (let tick = 0; tick < 1000; tick += 1) {
      while (sendOne(drain, waiting, 1) !== null);
      await clock.advance(10)
    }

    expect(10_000 - waiting.backlog).toBeGreaterThanOrEqual(990)
    expect(10_000 - waiting.backlog).toBeLessThanOrEqual(1010)
  })

  it('saves up no more than the burst while there is nothing to drain', async () => {
    const clock = createFakeClock()
    const drain = createDrainRate({ perSecond: 100, burst: 5 }, clock)
    await clock.advance(3_600_000)
    const waiting = { fresh: 0, backlog: 100 }
    while (sendOne(drain, waiting, 1) !== null);

    expect(100 - waiting.backlog).toBe(5)
    expect(drain.waitMs()).toBeGreaterThan(0)
  })

  it('spreads the drains of minions that recovered at the same moment', () => {
    const firsts = [0, 0.25, 0.5, 0.75, 0.99].map((random) => createDrainRate({ perSecond: 10, burst: 5 }, createFakeClock({ random })).waitMs())

    expect(new Set(firsts).size).toBe(firsts.length)
    expect(Math.min(...firsts)).toBe(50)
    expect(Math.max(...firsts)).toBeLessThan(150)
  })

  it('starts from an empty purse at recovery', async () => {
    const clock = createFakeClock()
    const drain = createDrainRate({ perSecond: 100, burst: 50 }, clock)
    await clock.advance(10_000)
    drain.took('fresh', 100)
    drain.restart()

    expect(sendOne(drain, { fresh: 0, backlog: 100 }, 10)).toBeNull()
    expect(drain.waitMs()).toBeGreaterThan(0)
  })
})
