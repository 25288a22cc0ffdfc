import { describe, expect, it } from 'vitest'
import { rig } from './fakes.ts'

const HOUR = 3_600_000
const MINUTE = 60_000

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
    const { clock, outbox, destination, alarms, accept, lane } = rig({
      destination: { answer: () => ({ kind: 'operator', error: 'password refused' }) },
    })
    await accept('a')
    await clock.advance(24 * HOUR)

    expect(lane.status().state).toBe('operator')

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
