import { expect, test } from 'vitest'
import type { DeliveryFilter, Outbox } from '../../../agent/outbox/port.ts'
import { drain, everything, imbalances, local, master, newReturn, openTestOutbox, web } from './support.ts'

const names = (outbox: Outbox, filter: DeliveryFilter) => outbox.list(filter).map(({ jid, destination }) => `${jid} ${destination}`)

test('the list is narrowed by every filter, and by all of them together', async () => {
  const { outbox, clock } = await openTestOutbox()
  await outbox.accept(newReturn('1', [master, local], { fun: 'test.ping' }))
  await clock.advance(1000)
  const second = clock.now()
  await outbox.accept(newReturn('2', [master], { fun: 'state.apply' }))
  await clock.advance(1000)
  await outbox.accept(newReturn('3', [local], { fun: 'test.ping' }))
  const [dead] = outbox.claim(everything(outbox, local.name, clock.now(), { limit: 1 }))
  await outbox.settle([{ kind: 'dead', deliveryId: dead?.deliveryId ?? 0, error: 'no' }])

  expect(names(outbox, {})).toEqual(['1 master:ab', '1 local', '2 master:ab', '3 local'])
  expect(names(outbox, { destination: 'local' })).toEqual(['1 local', '3 local'])
  expect(names(outbox, { destination: 'nowhere' })).toEqual([])
  expect(names(outbox, { state: 'dead' })).toEqual(['1 local'])
  expect(names(outbox, { state: 'queued' })).toEqual(['1 master:ab', '2 master:ab', '3 local'])
  expect(names(outbox, { jid: '1' })).toEqual(['1 master:ab', '1 local'])
  expect(names(outbox, { fun: 'test.ping', state: 'queued' })).toEqual(['1 master:ab', '3 local'])
  expect(names(outbox, { before: second })).toEqual(['1 master:ab', '1 local'])
  expect(names(outbox, { after: second })).toEqual(['3 local'])
  expect(names(outbox, { limit: 2 })).toEqual(['1 master:ab', '1 local'])
  expect(names(outbox, { jid: "1' OR '1'='1", fun: '"; DROP TABLE returns; --' })).toEqual([])
  expect(names(outbox, {})).toHaveLength(4)
  await outbox.close()
})

test('a long list is read page by page, nothing twice and nothing left out', async () => {
  const { outbox } = await openTestOutbox()
  await Promise.all(Array.from({ length: 30 }, (_, n) => outbox.accept(newReturn(`${n}`, [master, local]))))
  const seen: string[] = []
  for (let afterId = 0; ; ) {
    const page = outbox.list({ limit: 7, afterId })
    const last = page.at(-1)
    if (last === undefined) break
    seen.push(...page.map(({ jid, destination }) => `${jid} ${destination}`))
    afterId = last.deliveryId
  }

  expect(seen).toEqual(names(outbox, {}))
  expect(new Set(seen).size).toBe(60)
  await outbox.close()
})

test('retry makes thousands due, in several commits, and counts them once', async () => {
  const { outbox, clock } = await openTestOutbox()
  await Promise.all(Array.from({ length: 1300 }, (_, n) => outbox.accept(newReturn(`${n}`, [local]))))
  const claimed = outbox.claim(everything(outbox, local.name, clock.now(), { limit: 2000 }))
  await outbox.settle(claimed.map(({ deliveryId }, n) => (n % 2 === 0 ? { kind: 'dead', deliveryId, error: 'x' } : { kind: 'retry', deliveryId, error: 'x', dueAt: clock.now() + 1e9 })))
  const told: string[][] = []
  outbox.onQueued((destinations) => told.push(destinations))

  expect(await outbox.retry({ destination: 'local' })).toBe(1300)
  expect(told.flat()).toContain('local')
  expect(outbox.status().destinations).toMatchObject([{ queued: 1300, dead: 0 }])
  expect(await drain(outbox, local.name, clock.now(), { limit: 500 })).toHaveLength(1300)
  await outbox.close()
})

test('retry moves to another destination, whose books take them over; one that is there already is not doubled', async () => {
  const { outbox, clock, directory } = await openTestOutbox()
  await outbox.accept(newReturn('1', [local]))
  await outbox.accept(newReturn('2', [local, web]))

  expect(await outbox.retry({ destination: 'local' }, web)).toBe(2)
  expect(names(outbox, {})).toEqual(['1 http', '2 http'])
  const books = outbox.status().destinations.map(({ name, accepted, queued, purged }) => [name, accepted, queued, purged])
  expect(books).toEqual([['local', 1, 0, 1], ['http', 2, 2, 0]])
  expect(await drain(outbox, web.name, clock.now())).toEqual(['1', '2'])
  await outbox.close()
  expect(imbalances(directory)).toEqual([])
})

test('purge removes what matches, with a gap record, and nothing else', async () => {
  const { outbox, directory } = await openTestOutbox()
  const alarms: unknown[] = []
  outbox.onGap((gap) => alarms.push(gap))
  const both = await outbox.accept(newReturn('1', [master, local]))
  const one = await outbox.accept(newReturn('2', [local]))

  expect(await outbox.purge({ destination: 'local' })).toBe(2)
  expect(names(outbox, {})).toEqual(['1 master:ab'])
  expect(outbox.show(both)).not.toBe(null)
  expect(outbox.show(one)).toBe(null)
  expect(outbox.status()).toMatchObject({ returns: 1, gaps: [{ destination: 'local', reason: 'purged by an operator', count: 2, jids: ['1', '2'] }] })
  // An operator's own purge needs no alarm.
  expect(alarms).toEqual([])
  await outbox.close()
  expect(imbalances(directory)).toEqual([])
})

test('the status says what is there, where, and since when', async () => {
  const { outbox, clock, directory } = await openTestOutbox({ limits: { totalBytes: 64 * 1024 * 1024 } })
  await outbox.receive({ master: 'ab', jid: '1', fun: 'f', load: Buffer.alloc(1) })
  const first = clock.now()
  await outbox.accept(newReturn('2', [master, local]))
  await clock.advance(5000)
  await outbox.accept(newReturn('3', [master]))

  expect(outbox.status()).toMatchObject({
    path: `${directory}/outbox.db`, limitBytes: 64 * 1024 * 1024, returns: 2, unfinishedJobs: 1, rememberedJids: 1, unavailable: null,
    destinations: [
      { name: 'master:ab', kind: 'master', accepted: 2, queued: 2, queuedBytes: 12, oldestQueuedAt: first },
      { name: 'local', kind: 'returner', accepted: 1, queued: 1, queuedBytes: 6, oldestQueuedAt: first },
    ],
  })
  expect(outbox.status().diskBytes).toBeGreaterThan(1000)
  await outbox.close()
})

test('the books of destinations that are long gone are kept together, so that their number is bounded', { timeout: 60_000 }, async () => {
  const { outbox, clock, directory } = await openTestOutbox({ limits: { keepRows: 0 } })
  const destination = (n: number) => ({ name: `http#${n}`, kind: 'returner' as const, spec: Buffer.alloc(0) })
  for (let n = 0; n < 1100; n += 100) {
    await Promise.all(Array.from({ length: 100 }, (_, m) => outbox.accept(newReturn(`${n + m}`, [destination(n + m)]))))
    for (let m = 0; m < 100; m += 1) if (n + m > 0) await drain(outbox, `http#${n + m}`, clock.now())
    await clock.advance(1000)
  }
  const books = outbox.status().destinations
  const retired = books.find(({ name }) => name === '(retired)')

  expect(books.length).toBeLessThanOrEqual(1025)
  expect(retired?.accepted).toBe(1100 - books.length + 1)
  expect(retired?.delivered).toBe(retired?.accepted)
  // The one that was never drained is never folded.
  expect(outbox.queuedDestinations().map(({ name }) => name)).toEqual(['http#0'])
  await outbox.close()
  expect(imbalances(directory)).toEqual([])
})
