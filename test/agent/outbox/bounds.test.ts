import { describe, expect, test } from 'vitest'
import type { Gap, Outbox, Outcome, Priority } from '../../../agent/outbox/port.ts'
import { resolveLimits } from '../../../agent/outbox/settings.ts'
import { drain, everything, local, master, newReturn, openTestOutbox, web } from './support.ts'

const MiB = 1024 * 1024
const GiB = 1024 * MiB

const booksOf = (outbox: Outbox, name: string) => outbox.status().destinations.find((books) => books.name === name)
const defaultsOf = (availableBytes: number) => resolveLimits({ directory: '/' }, availableBytes)
const queuedJids = (outbox: Outbox, name: string) => outbox.list({ destination: name }).map(({ jid }) => jid)

async function acceptEach(outbox: Outbox, items: [jid: string, priority: Priority][], destinations = [master], size = 10): Promise<void> {
  for (const [jid, priority] of items) await outbox.accept(newReturn(jid, destinations, { priority, body: Buffer.alloc(size, jid) }))
}

describe('the default limits', () => {
  test('are a tenth of the disk, at least 64 MiB, at most 1 GiB, one destination half, a quarter for the master', () => {
    expect(defaultsOf(100 * MiB).totalBytes).toBe(64 * MiB)
    expect(defaultsOf(5 * GiB).totalBytes).toBe(512 * MiB)
    expect(defaultsOf(5000 * GiB).totalBytes).toBe(GiB)
    expect(defaultsOf(0)).toMatchObject({ destinationShare: 0.5, masterShare: 0.25 })
  })

  test('can each be set', () => {
    expect(resolveLimits({ directory: '/', limits: { totalBytes: 7 * MiB, maxRows: 3 } }, 0)).toMatchObject({ totalBytes: 7 * MiB, maxRows: 3 })
  })
})

describe('the row limit of a destination', () => {
  test('drops the oldest ping before a command and a command before a state', async () => {
    const { outbox } = await openTestOutbox({ limits: { maxRows: 8 } })
    await acceptEach(outbox, [['s1', 2], ['c1', 1], ['p1', 0], ['p2', 0]])

    await acceptEach(outbox, [['s2', 2]])
    expect(queuedJids(outbox, master.name)).toEqual(['s1', 'c1', 'p2', 's2'])
    await acceptEach(outbox, [['s3', 2], ['s4', 2]])
    expect(queuedJids(outbox, master.name)).toEqual(['s1', 's2', 's3', 's4'])
    await acceptEach(outbox, [['s5', 2]])
    expect(queuedJids(outbox, master.name)).toEqual(['s2', 's3', 's4', 's5'])
    await acceptEach(outbox, [['p3', 0]])
    expect(queuedJids(outbox, master.name)).toEqual(['s2', 's3', 's4', 's5'])
    expect(booksOf(outbox, master.name)).toMatchObject({ accepted: 9, queued: 4, dropped: 5 })
    await outbox.close()
  })

  test('leaves the other destinations of the same return alone', async () => {
    const { outbox } = await openTestOutbox({ limits: { maxRows: 8 } })
    await acceptEach(outbox, ['1', '2', '3', '4', '5', '6'].map((jid) => [jid, 1]), [local])
    await acceptEach(outbox, [['7', 1]], [local, master])

    expect(queuedJids(outbox, local.name)).toEqual(['4', '5', '6', '7'])
    expect(queuedJids(outbox, master.name)).toEqual(['7'])
    await outbox.close()
  })

  test('counts dead letters, and does not take what a lane is sending', async () => {
    const { outbox, clock } = await openTestOutbox({ limits: { maxRows: 6 } })
    await acceptEach(outbox, [['1', 1], ['2', 1], ['3', 1]])
    const [first, second] = outbox.claim(everything(outbox, master.name, clock.now(), { limit: 2 }))
    await outbox.settle([{ kind: 'dead', deliveryId: second?.deliveryId ?? 0, error: 'x' }])
    await acceptEach(outbox, [['4', 1]])

    expect(outbox.list({}).map(({ jid, state }) => `${jid} ${state}`)).toEqual(['1 queued', '3 queued', '4 queued'])
    await outbox.settle([{ kind: 'delivered', deliveryId: first?.deliveryId ?? 0 }])
    expect(booksOf(outbox, master.name)).toMatchObject({ accepted: 4, delivered: 1, queued: 2, dead: 0, dropped: 1 })
    await outbox.close()
  })
})

describe('a drop', () => {
  test('is on record for ever with jids, count and reason, told once, and logged', async () => {
    const logged: unknown[] = []
    const log = { trace() {}, debug() {}, info() {}, warn() {}, error: (fields: object, message: string) => void logged.push([message, fields]), child: () => log }
    const { outbox, clock, directory } = await openTestOutbox({ limits: { maxRows: 4 }, log })
    const told: Gap[] = []
    outbox.onGap((gap) => told.push(gap))
    await acceptEach(outbox, [['1', 1], ['2', 1], ['3', 1], ['4', 1]])

    const record = { destination: master.name, reason: 'dropped: over the row limit' }
    expect(told).toMatchObject([{ ...record, count: 1, jids: ['1'] }, { ...record, count: 1, jids: ['2'] }])
    expect(logged).toEqual([['deliveries will not arrive', { ...record, count: 1 }], ['deliveries will not arrive', { ...record, count: 1 }]])
    await outbox.close()

    const after = await openTestOutbox({ directory, clock })
    expect(after.outbox.status().gaps).toMatchObject([{ ...record, count: 2, jids: ['1', '2'] }])
    await after.outbox.close()
  })

  test('after an hour starts a new record, and of a thousand jids in one keeps all', async () => {
    const { outbox, clock } = await openTestOutbox({ limits: { maxRows: 4 } })
    await Promise.all(Array.from({ length: 1500 }, (_, n) => outbox.accept(newReturn(`a${n}`))))
    await clock.advance(2 * 60 * 60 * 1000)
    await acceptEach(outbox, [['b', 1]])

    const gaps = outbox.status().gaps.map(({ count, jids }) => [count, jids.length])
    expect(gaps).toEqual([[1, 1], [1498, 1000]])
    await outbox.close()
  })
})

describe('the limit of bytes', () => {
  const limits = { totalBytes: 64 * MiB, keepBytes: 4 * MiB }
  const KiB64 = 64 * 1024

  test('holds one destination at its half', async () => {
    const { outbox } = await openTestOutbox({ limits })
    for (let n = 0; n < 12; n += 1) {
      await Promise.all(Array.from({ length: 50 }, (_, m) => outbox.accept(newReturn(`${n}-${m}`, [local], { body: Buffer.alloc(KiB64) }))))
    }

    const books = booksOf(outbox, local.name)
    expect(books?.queuedBytes).toBeLessThanOrEqual(32 * MiB)
    expect(books?.queuedBytes).toBeGreaterThan(31 * MiB)
    expect(books?.dropped).toBe(600 - 512)
    expect(outbox.list({ limit: 1 })[0]?.jid).toBe('1-38')
    await outbox.close()
  })

  test('holds database and WAL together within the whole, sparing the master’s quarter', async () => {
    const { outbox } = await openTestOutbox({ limits })
    await Promise.all(Array.from({ length: 100 }, (_, m) => outbox.accept(newReturn(`m-${m}`, [master], { priority: 0, body: Buffer.alloc(KiB64) }))))
    let most = 0
    for (let n = 0; n < 10; n += 1) {
      for (const destination of [local, web]) {
        await Promise.all(Array.from({ length: 60 }, (_, m) => outbox.accept(newReturn(`${n}-${m}`, [destination], { priority: 2, body: Buffer.alloc(KiB64) }))))
        most = Math.max(most, outbox.status().diskBytes)
      }
    }

    expect(most).toBeLessThanOrEqual(64 * MiB)
    expect(most).toBeGreaterThan(50 * MiB)
    // Pings, the least of all: but the master's, and it has not used up its quarter.
    expect(booksOf(outbox, master.name)).toMatchObject({ queued: 100, dropped: 0 })
    expect((booksOf(outbox, local.name)?.dropped ?? 0) + (booksOf(outbox, web.name)?.dropped ?? 0)).toBeGreaterThan(200)
    await outbox.close()
  })

  test('takes from the master too what is beyond its quarter, least important first', async () => {
    const { outbox } = await openTestOutbox({ limits: { ...limits, destinationShare: 1 } })
    for (let n = 0; n < 12; n += 1) {
      const destinations = n < 6 ? [master] : [local]
      await Promise.all(Array.from({ length: 80 }, (_, m) => outbox.accept(newReturn(`${n}-${m}`, destinations, { priority: n < 6 ? 0 : 1, body: Buffer.alloc(KiB64) }))))
    }

    expect(booksOf(outbox, master.name)?.dropped).toBeGreaterThan(50)
    expect(booksOf(outbox, master.name)?.queuedBytes).toBeGreaterThan(14 * MiB)
    await outbox.close()
  })

  test('takes delivered returns before anything queued', async () => {
    const { outbox, clock } = await openTestOutbox({ limits: { ...limits, keepBytes: 32 * MiB, destinationShare: 1 } })
    const fill = (name: string, count: number) =>
      Promise.all(Array.from({ length: count }, (_, m) => outbox.accept(newReturn(`${name}-${m}`, [master], { body: Buffer.alloc(KiB64) }))))
    await fill('old', 400)
    await drain(outbox, master.name, clock.now())
    expect(outbox.findReturn('old-0')).not.toBe(null)
    for (let n = 0; n < 10; n += 1) await fill(String(n), 70)

    expect(outbox.findReturn('old-0')).toBe(null)
    expect(booksOf(outbox, master.name)).toMatchObject({ queued: 700, dropped: 0 })
    await outbox.close()
  })

  test('drops at once a return that could never fit, and no other for it', async () => {
    const { outbox } = await openTestOutbox({ limits: { totalBytes: 8 * MiB } })
    await acceptEach(outbox, [['1', 0]])
    await outbox.accept(newReturn('giant', [master], { body: Buffer.alloc(5 * MiB) }))

    expect(queuedJids(outbox, master.name)).toEqual(['1'])
    expect(outbox.status().gaps).toMatchObject([{ reason: 'dropped: over the size limit', jids: ['giant'] }])
    await outbox.close()
  })
})

describe('the limit of age', () => {
  const hourMs = 60 * 60 * 1000

  test('drops what has waited too long, dead letters too', async () => {
    const { outbox, clock } = await openTestOutbox({ limits: { maxAgeMs: hourMs } })
    await acceptEach(outbox, [['1', 2], ['2', 1]])
    const outcomes = outbox.claim(everything(outbox, master.name, clock.now(), { limit: 1 })).map(({ deliveryId }): Outcome => ({ kind: 'dead', deliveryId, error: '' }))
    await outbox.settle(outcomes)
    await clock.advance(hourMs / 2)
    await acceptEach(outbox, [['3', 0]])
    await clock.advance(hourMs / 2 + 120_000)

    expect(queuedJids(outbox, master.name)).toEqual(['3'])
    expect(outbox.status().gaps).toMatchObject([{ reason: 'dropped: over the age limit', count: 2, jids: ['1', '2'] }])
    await outbox.close()
  })

  test('counts uptime, over restarts, and not the clock on the wall', async () => {
    const { outbox, clock, directory } = await openTestOutbox({ limits: { maxAgeMs: hourMs } })
    await acceptEach(outbox, [['1', 1]])
    clock.stepWall(1000 * hourMs)
    await clock.advance(hourMs - 180_000)
    expect(queuedJids(outbox, master.name)).toEqual(['1'])
    await outbox.close()
    // A long time in which the agent does not run: another clock, far ahead and newly started.
    clock.stepWall(1000 * hourMs)

    const after = await openTestOutbox({ directory, clock, limits: { maxAgeMs: hourMs } })
    await clock.advance(60_000)
    expect(queuedJids(after.outbox, master.name)).toEqual(['1'])
    await clock.advance(240_000)
    expect(queuedJids(after.outbox, master.name)).toEqual([])
    await after.outbox.close()
  })

  test('leaves what was asked to be forgotten, and only what was delivered that long ago', async () => {
    const { outbox, clock } = await openTestOutbox({ limits: { keepMs: 10 * hourMs } })
    await acceptEach(outbox, [['old', 1]])
    await drain(outbox, master.name, clock.now())
    await clock.advance(2 * hourMs)
    await acceptEach(outbox, [['new', 1]])
    await drain(outbox, master.name, clock.now())
    await acceptEach(outbox, [['queued', 1]])
    await clock.advance(1000)

    await outbox.forget(hourMs)
    expect(['old', 'new', 'queued'].map((jid) => outbox.findReturn(jid) !== null)).toEqual([false, true, true])
    await outbox.forget(0)
    expect(['new', 'queued'].map((jid) => outbox.findReturn(jid) !== null)).toEqual([false, true])
    await outbox.close()
  })

  test('ends what was kept of delivered returns', async () => {
    const { outbox, clock } = await openTestOutbox({ limits: { keepMs: hourMs } })
    await acceptEach(outbox, [['1', 1]])
    await drain(outbox, master.name, clock.now())
    expect(outbox.findReturn('1')).not.toBe(null)
    await clock.advance(hourMs + 120_000)

    expect(outbox.findReturn('1')).toBe(null)
    expect(outbox.status()).toMatchObject({ returns: 0, gaps: [] })
    await outbox.close()
  })
})
