import { describe, expect, it } from 'vitest'
import type { SendResult } from '../../../agent/delivery/port.ts'
import { never, refused, rig } from './fakes.ts'

const MINUTE = 60_000

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
