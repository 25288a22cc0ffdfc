import { describe, expect, it } from 'vitest'
import type { SendResult } from '../../../agent/delivery/port.ts'
import { turns } from '../../helpers/fake-clock.ts'
import { never, rig } from './fakes.ts'

const HOUR = 3_600_000

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
