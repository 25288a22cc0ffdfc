import { describe, expect, it } from 'vitest'
import type { SendResult } from '../../../agent/delivery/port.ts'
import { refused, rig, type Rig } from './fakes.ts'

/** A lane whose first send waits for `answer`, and what it may be asked of it. */
function waiting(options: Parameters<typeof rig>[0] = {}): Rig & { answer(result: SendResult): Promise<void> } {
  const first = Promise.withResolvers<SendResult>()
  const made = rig({
    ...options,
    destination: { maxBatch: 2, answer: () => (made.destination.sends.length === 1 ? first.promise : { kind: 'delivered' }), ...options.destination },
  })
  return {
    ...made,
    async answer(result) {
      first.resolve(result)
      await made.clock.advance(0)
    },
  }
}

/** Four returns, accepted together. */
async function four({ accept, clock }: Rig): Promise<void> {
  await Promise.all(['a', 'b', 'c', 'd'].map((jid) => accept(jid)))
  await clock.advance(0)
}

const sent = ({ destination }: Rig) => destination.sends.map(({ jids }) => jids)

describe('a batch that is taken ahead', () => {
  it('goes as soon as the one before is answered, though the outbox has not stored that yet', async () => {
    const made = waiting({ destination: { answer: () => (made.destination.sends.length === 1 ? first.promise : new Promise(() => {})) } })
    const first = Promise.withResolvers<SendResult>()
    const stored = Promise.withResolvers<void>()
    const settle = made.outbox.settle.bind(made.outbox)
    made.outbox.settle = (outcomes) => stored.promise.then(() => settle(outcomes))
    await four(made)
    expect(sent(made)).toEqual([['a', 'b']])
    expect(made.outbox.held('d')).toBe(4)

    first.resolve({ kind: 'delivered' })
    await made.clock.advance(0)
    expect(sent(made)).toEqual([['a', 'b'], ['c', 'd']])
    expect(made.outbox.books('d').delivered).toBe(0)
    expect(made.destination.maxSeenInFlight).toBe(1)
  })

  it('is one for each place, and only a whole one: less waits and fills', async () => {
    const made = waiting()
    await Promise.all(['a', 'b', 'c'].map((jid) => made.accept(jid)))
    await made.clock.advance(0)
    expect(made.outbox.held('d')).toBe(2)

    await Promise.all(['d', 'e', 'f'].map((jid) => made.accept(jid)))
    await made.clock.advance(0)
    expect(made.outbox.held('d')).toBe(4)
  })

  it('goes back untried when the one before shows that the destination is down', async () => {
    const made = waiting()
    await four(made)
    await made.answer(refused)

    expect(made.destination.sends.length).toBe(1)
    expect(made.outbox.held('d')).toBe(0)
    expect(made.outbox.outcomes('retry').map(({ jid }) => jid)).toEqual(['a', 'b'])
    await made.clock.advance(10_000)
    expect(sent(made).slice(1).flat().toSorted()).toEqual(['a', 'b', 'c', 'd'])
    expect(made.lane.status()).toMatchObject({ delivered: 4, retried: 2, resent: 2 })
  })

  it('goes back when the destination stopped answering, and goes to one that is opened anew', async () => {
    const made = waiting({ settings: { send: { deadlineMs: 1000, perMebibyteMs: 0, graceMs: 100 } } })
    await four(made)
    await made.clock.advance(1100)
    expect(made.destination.closed).toBe(1)
    expect(made.destination.sends.length).toBe(1)

    await made.clock.advance(10_000)
    expect(made.outbox.books('d')).toMatchObject({ delivered: 4, queued: 0 })
  })

  it('goes back when today\'s options are asked for', async () => {
    const made = waiting()
    await four(made)
    made.lane.reopen()
    await made.answer({ kind: 'delivered' })

    expect(made.destination.closed).toBe(1)
    expect(made.outbox.books('d')).toMatchObject({ delivered: 4, queued: 0 })
  })

  it('is not sent by a lane that stops', async () => {
    const made = waiting()
    await four(made)
    const stopped = made.lane.stop(10_000)
    await made.answer({ kind: 'delivered' })
    await stopped

    expect(made.destination.sends.length).toBe(1)
    expect(made.outbox.held('d')).toBe(0)
    expect(made.outbox.books('d')).toMatchObject({ delivered: 2, queued: 2 })
  })

  it('is shown to the destination while the one before is under way, and is the very same when it goes', async () => {
    const shown: unknown[] = []
    const went: unknown[] = []
    const made = waiting({
      destination: {
        prepare: (batch) => shown.push(batch),
        answer: (batch) => {
          went.push(batch)
          return went.length === 1 ? first.promise : { kind: 'delivered' }
        },
      },
    })
    const first = Promise.withResolvers<SendResult>()
    await four(made)
    expect(shown.length).toBe(1)
    expect(went.length).toBe(1)

    first.resolve({ kind: 'delivered' })
    await made.clock.advance(0)
    expect(shown[0]).toBe(went[1])
    expect(shown.length).toBe(1)
  })

  it('is not shown when it is large: the destination would hold two of them', async () => {
    const shown: unknown[] = []
    const made = waiting({ settings: { maxBatchBytes: 1 }, destination: { maxBatch: 1, prepare: (batch) => shown.push(batch) } })
    await four(made)

    expect(made.outbox.held('d')).toBe(2)
    expect(shown).toEqual([])
  })

  it('stays where it is when the bytes under way allow no more', async () => {
    const made = waiting({ settings: { maxInFlightBytes: 20 } })
    await four(made)

    expect(made.outbox.held('d')).toBe(2)
  })

  it('is no probe: one that begins as today\'s options are asked for goes, or the lane would wait for its end for ever', async () => {
    const made = rig({ destination: { answer: () => (made.destination.sends.length === 1 ? refused : { kind: 'delivered' }) } })
    await made.accept('a')
    await made.clock.advance(0)
    expect(made.lane.status().state).toBe('down')

    // One look follows the first of them, and the second comes before it has gone on.
    made.lane.nudge()
    queueMicrotask(() => made.lane.reopen())
    await made.clock.advance(100_000)
    expect(made.outbox.books('d')).toMatchObject({ delivered: 1, queued: 0 })
    expect(made.lane.status().state).toBe('healthy')
  })
})
