import { describe, expect, test } from 'vitest'
import type { ClaimedDelivery, Outbox, Outcome } from '../../../agent/outbox/port.ts'
import { copyStore, drain, everything, local, master, newReturn, openTestOutbox } from './support.ts'

const jidsOf = (claimed: ClaimedDelivery[]) => claimed.map(({ jid }) => jid)
const acceptAll = (outbox: Outbox, jids: string[]) => Promise.all(jids.map((jid) => outbox.accept(newReturn(jid))))
const retries = (claimed: ClaimedDelivery[], dueAt?: number): Outcome[] =>
  claimed.map(({ deliveryId }) => ({ kind: 'retry', deliveryId, error: 'down', ...(dueAt === undefined ? {} : { dueAt }) }))

describe('a queue', () => {
  test('is first in, first out, and gives nothing twice', async () => {
    const { outbox, clock } = await openTestOutbox()
    await acceptAll(outbox, ['1', '2', '3', '4', '5'])

    expect(jidsOf(outbox.claim(everything(outbox, master.name, clock.now(), { limit: 2 })))).toEqual(['1', '2'])
    expect(jidsOf(outbox.claim(everything(outbox, master.name, clock.now(), { limit: 2 })))).toEqual(['3', '4'])
    expect(jidsOf(outbox.claim(everything(outbox, master.name, clock.now())))).toEqual(['5'])
    expect(outbox.claim(everything(outbox, master.name, clock.now()))).toEqual([])
    await outbox.close()
  })

  test('is split at the boundary into backlog and fresh', async () => {
    const { outbox, clock } = await openTestOutbox()
    await acceptAll(outbox, ['1', '2', '3'])
    const boundary = outbox.lastReturnId()
    await acceptAll(outbox, ['4', '5'])
    const request = everything(outbox, master.name, clock.now(), { boundary })

    expect(jidsOf(outbox.claim({ ...request, queue: 'fresh' }))).toEqual(['4', '5'])
    expect(jidsOf(outbox.claim({ ...request, queue: 'backlog' }))).toEqual(['1', '2', '3'])
    await outbox.close()
  })

  test('gives at most the bytes asked for, and always at least one', async () => {
    const { outbox, clock } = await openTestOutbox()
    await Promise.all(['1', '2', '3'].map((jid) => outbox.accept(newReturn(jid, [master], { body: Buffer.alloc(100) }))))

    expect(outbox.claim(everything(outbox, master.name, clock.now(), { maxBytes: 250 }))).toHaveLength(2)
    expect(outbox.claim(everything(outbox, master.name, clock.now(), { maxBytes: 10 }))).toHaveLength(1)
    await outbox.close()
  })

  test('has the body and what names it, unchanged', async () => {
    const { outbox, clock } = await openTestOutbox()
    const body = Buffer.from([0, 255, 128, 0, 7])
    const returnId = await outbox.accept(newReturn('j', [master], { body, fun: 'a.b', minionId: 'web1' }))

    const [claimed] = outbox.claim(everything(outbox, master.name, clock.now()))

    expect(claimed).toMatchObject({ returnId, jid: 'j', fun: 'a.b', minionId: 'web1', attempts: 0, acceptedAt: clock.now() })
    expect(Buffer.from(claimed?.body ?? [])).toEqual(body)
    await outbox.close()
  })
})

describe('an item that was set aside', () => {
  test('does not block those behind it, and comes back at its place when it is due', async () => {
    const { outbox, clock } = await openTestOutbox()
    await acceptAll(outbox, ['1', '2', '3'])
    const first = outbox.claim(everything(outbox, master.name, clock.now(), { limit: 1 }))
    await outbox.settle(retries(first, clock.now() + 10_000))

    expect(outbox.nextDue(master.name)).toBe(clock.now() + 10_000)
    const second = outbox.claim(everything(outbox, master.name, clock.now(), { limit: 1 }))
    expect(jidsOf(second)).toEqual(['2'])
    outbox.release(second.map(({ deliveryId }) => deliveryId))
    await clock.advance(10_000)
    const all = outbox.claim(everything(outbox, master.name, clock.now()))
    expect(all.map(({ jid, attempts }) => [jid, attempts])).toEqual([['1', 1], ['2', 0], ['3', 0]])
    expect(outbox.nextDue(master.name)).toBe(null)
    await outbox.close()
  })

  test('is due neither sooner nor later for a step of the clock', async () => {
    const { outbox, clock } = await openTestOutbox()
    await outbox.accept(newReturn('1'))
    await outbox.settle(retries(outbox.claim(everything(outbox, master.name, clock.now())), clock.now() + 10_000))

    clock.stepWall(365 * 24 * 60 * 60 * 1000)
    expect(outbox.claim(everything(outbox, master.name, clock.now()))).toEqual([])
    clock.stepWall(-10 * 365 * 24 * 60 * 60 * 1000)
    expect(outbox.nextDue(master.name)).toBe(clock.now() + 10_000)
    await clock.advance(10_000)
    expect(outbox.claim(everything(outbox, master.name, clock.now()))).toHaveLength(1)
    await outbox.close()
  })

  test('waits no longer than the cap after a start, whatever time was stored', async () => {
    const { outbox, clock, directory } = await openTestOutbox()
    await outbox.accept(newReturn('1'))
    await outbox.settle(retries(outbox.claim(everything(outbox, master.name, clock.now())), clock.now() + 1e12))
    await outbox.close()

    const after = await openTestOutbox({ directory, clock, dueCapMs: 60_000 })
    expect(after.outbox.nextDue(master.name)).toBe(clock.now() + 60_000)
    await clock.advance(60_000)
    expect(after.outbox.claim(everything(after.outbox, master.name, clock.now()))).toHaveLength(1)
    await after.outbox.close()
  })

  test('is made due at once by an operator', async () => {
    const { outbox, clock } = await openTestOutbox()
    await outbox.accept(newReturn('1'))
    await outbox.settle(retries(outbox.claim(everything(outbox, master.name, clock.now())), clock.now() + 1e9))

    expect(await outbox.retry({ jid: '1' })).toBe(1)
    expect(outbox.claim(everything(outbox, master.name, clock.now()))).toHaveLength(1)
    await outbox.close()
  })
})

describe('a claim', () => {
  test('is free again after a release and after a crash, its attempts untouched', async () => {
    const { outbox, clock, directory } = await openTestOutbox()
    await acceptAll(outbox, ['1', '2'])
    const claimed = outbox.claim(everything(outbox, master.name, clock.now()))
    outbox.release(claimed.slice(0, 1).map(({ deliveryId }) => deliveryId))

    expect(jidsOf(outbox.claim(everything(outbox, master.name, clock.now())))).toEqual(['1'])
    const left = copyStore(directory)
    await outbox.close()
    const after = await openTestOutbox({ directory: left, clock })
    expect(after.outbox.claim(everything(after.outbox, master.name, clock.now())).map(({ jid, attempts }) => [jid, attempts])).toEqual([['1', 0], ['2', 0]])
    await after.outbox.close()
  })

  test('at one destination says nothing about another', async () => {
    const { outbox, clock } = await openTestOutbox()
    await outbox.accept(newReturn('1', [master, local]))
    expect(await drain(outbox, local.name, clock.now())).toEqual(['1'])

    expect(outbox.isQueued('1', local.name)).toBe(false)
    expect(outbox.isQueued('1', master.name)).toBe(true)
    expect(jidsOf(outbox.claim(everything(outbox, master.name, clock.now())))).toEqual(['1'])
    await outbox.close()
  })
})

test('destinations with something queued are known at the next start, with the spec they were queued with last', async () => {
  const { outbox, clock, directory } = await openTestOutbox()
  await outbox.accept(newReturn('1', [master, local]))
  await outbox.accept(newReturn('2', [{ ...local, spec: Buffer.from('newer') }]))
  await drain(outbox, master.name, clock.now())
  await outbox.close()

  const after = await openTestOutbox({ directory, clock })
  expect(after.outbox.queuedDestinations()).toEqual([{ name: 'local', kind: 'returner', spec: Buffer.from('newer') }])
  await after.outbox.close()
})

describe('settling', () => {
  test('is the only thing that ends a delivery', async () => {
    const { outbox, clock, directory } = await openTestOutbox()
    await acceptAll(outbox, ['1', '2', '3'])
    for (let n = 0; n < 50; n += 1) {
      await outbox.settle(retries(outbox.claim(everything(outbox, master.name, clock.now()))))
    }
    expect(outbox.status().destinations[0]).toMatchObject({ queued: 3, dead: 0, delivered: 0, lastError: 'down' })
    await outbox.close()

    const after = await openTestOutbox({ directory, clock })
    expect(await drain(after.outbox, master.name, clock.now())).toEqual(['1', '2', '3'])
    expect(after.outbox.status().destinations[0]).toMatchObject({ queued: 0, delivered: 3 })
    await after.outbox.close()
  })

  test('a dead letter keeps body, reason, time and attempts, and can be replayed and moved', async () => {
    const { outbox, clock } = await openTestOutbox()
    const returnId = await outbox.accept(newReturn('1', [local]))
    const [claimed] = outbox.claim(everything(outbox, local.name, clock.now()))
    await outbox.settle([{ kind: 'dead', deliveryId: claimed?.deliveryId ?? 0, error: 'too large' }])

    expect(outbox.list({ state: 'dead' })).toMatchObject([{ jid: '1', state: 'dead', lastError: 'too large', deadAt: clock.now(), attempts: 1 }])
    expect(Buffer.from(outbox.show(returnId)?.body ?? []).toString()).toBe('body 1')
    expect(outbox.status().destinations[0]).toMatchObject({ queued: 0, dead: 1, deadBytes: 6 })

    expect(await outbox.retry({ state: 'dead' }, master)).toBe(1)
    expect(outbox.status().destinations.map(({ name, accepted, queued, dead }) => [name, accepted, queued, dead])).toEqual([
      ['local', 0, 0, 0],
      ['master:ab', 1, 1, 0],
    ])
    expect(await drain(outbox, master.name, clock.now())).toEqual(['1'])
    await outbox.close()
  })

  test('keeps which view a destination got', async () => {
    const { outbox, clock } = await openTestOutbox()
    const returnId = await outbox.accept(newReturn('1', [local, master]))
    const [claimed] = outbox.claim(everything(outbox, local.name, clock.now()))
    await outbox.settle([{ kind: 'delivered', deliveryId: claimed?.deliveryId ?? 0, viewVersion: 3 }])

    expect(outbox.show(returnId)).toMatchObject({ views: [{ destination: 'local', version: 3 }], deliveries: [{ destination: 'master:ab' }] })
    await outbox.close()
  })

  test('tells who has something to send, after the commit', async () => {
    const { outbox, clock } = await openTestOutbox()
    const told: string[][] = []
    outbox.onQueued((destinations) => told.push(destinations))
    await Promise.all([outbox.accept(newReturn('1', [master, local])), outbox.accept(newReturn('2', [local]))])
    expect(told).toEqual([['master:ab', 'local']])

    await drain(outbox, local.name, clock.now())
    expect(told).toHaveLength(1)
    await outbox.close()
  })

  test('leaves the body to be found by jid', async () => {
    const { outbox, clock } = await openTestOutbox()
    await outbox.accept(newReturn('1', [master], { body: Buffer.from('old') }))
    await outbox.accept(newReturn('1', [master], { body: Buffer.from('new') }))
    await drain(outbox, master.name, clock.now())

    expect(Buffer.from(outbox.findReturn('1') ?? []).toString()).toBe('new')
    expect(outbox.findReturn('2')).toBe(null)
    expect(outbox.list({})).toEqual([])
    await outbox.close()
  })
})
