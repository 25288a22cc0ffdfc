import { describe, expect, it } from 'vitest'
import { StoreUnavailableError } from '../../../agent/outbox/port.ts'
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
