import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Outbox, Outcome, Priority } from '../../../agent/outbox/port.ts'
import type { FakeClock } from '../../helpers/fake-clock.ts'
import { createToy, type Toy } from './model.ts'
import { copyStore, imbalances, local, master, newReturn, openTestOutbox, web } from './support.ts'

const refs = [master, local, web]
const dueCapMs = 60_000

/** The outbox under test beside its toy, and which delivery ids the keys of the toy's claims have. */
interface Pair {
  outbox: Outbox
  clock: FakeClock
  directory: string
  toy: Toy
  ids: Map<string, number>
}

type Step = (pair: Pair) => Promise<void>

const ref = fc.constantFrom(...refs)
const jid = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
const filter = fc.record(
  { destination: fc.constantFrom(...refs.map((one) => one.name)), state: fc.constantFrom('queued' as const, 'dead' as const), jid },
  { requiredKeys: [] },
)

const accept = fc
  .record({ jid, destinations: fc.uniqueArray(ref, { minLength: 0, maxLength: 3 }), priority: fc.constantFrom<Priority>(0, 1, 2), size: fc.nat(60) })
  .map((what): Step => async ({ outbox, toy }) => {
    const body = Buffer.alloc(what.size + 1, what.jid)
    const ret = newReturn(what.jid, what.destinations, { priority: what.priority, body, job: { master: 'ab', jid: what.jid } })
    toy.accept(await outbox.accept(ret), ret)
    toy.unfinished.delete(what.jid)
    toy.enforce()
  })

/** Many at once, some of them wrong: the good ones must not notice. */
const burst = fc.array(fc.tuple(jid, ref), { minLength: 2, maxLength: 6 }).map((items): Step => async ({ outbox, toy }) => {
  const rets = items.map(([name, destination], n) => newReturn(name, [destination], { body: Buffer.from(`${name}${n}`) }))
  const [wrong, ...ids] = await Promise.all([
    outbox.start({ master: 'ab', jid: 'unknown' }).catch((error: unknown) => String(error)),
    ...rets.map((ret) => outbox.accept(ret)),
  ])
  expect(wrong).toContain('unknown cannot start')
  // The bounds may have been enforced after each of them: with one priority the result is the same.
  for (const [n, ret] of rets.entries()) {
    toy.accept(ids[n] ?? 0, ret)
    toy.enforce()
  }
})

const receive = jid.map((name): Step => async ({ outbox, toy }) => {
  const expected = toy.seen.has(name) ? 'seen' : 'new'
  expect(await outbox.receive({ master: 'ab', jid: name, fun: 'f', load: Buffer.from(name) })).toBe(expected)
  toy.seen.add(name)
  if (expected === 'new') toy.unfinished.set(name, 'waiting')
})

const start = jid.map((name): Step => async ({ outbox, toy }) => {
  const started = outbox.start({ master: 'ab', jid: name })
  if (toy.unfinished.has(name)) {
    await started
    toy.unfinished.set(name, 'running')
  } else {
    await expect(started).rejects.toThrow('cannot start')
  }
})

const claim = fc
  .record({ ref, queue: fc.constantFrom('fresh' as const, 'backlog' as const), back: fc.nat(6), limit: fc.nat(5), maxBytes: fc.constantFrom(40, 1e9) })
  .map((what): Step => async ({ outbox, clock, toy, ids }) => {
    const request = {
      destination: what.ref.name, queue: what.queue, boundary: Math.max(0, outbox.lastReturnId() - what.back), limit: what.limit,
      maxBytes: what.maxBytes, now: clock.now(),
    }
    const claimed = outbox.claim(request)
    const expected = toy.claim(request)
    expect(claimed.map((one) => `${one.returnId} ${what.ref.name}`)).toEqual(expected)
    for (const one of claimed) {
      ids.set(`${one.returnId} ${what.ref.name}`, one.deliveryId)
      expect(Buffer.from(one.body).toString()).toBe(toy.returns.get(one.returnId)?.body)
    }
    return Promise.resolve()
  })

const settle = fc
  .array(fc.record({ kind: fc.constantFrom('delivered' as const, 'retry' as const, 'dead' as const), late: fc.option(fc.nat(100_000)) }), { maxLength: 6 })
  .map((choices): Step => async ({ outbox, clock, toy, ids }) => {
    const keys = [...toy.held].slice(0, choices.length)
    const outcomes = keys.map((key, n): Outcome => {
      const { kind, late } = choices[n] ?? { kind: 'delivered', late: null }
      const deliveryId = ids.get(key) ?? 0
      if (kind === 'delivered') return { kind, deliveryId }
      if (kind === 'dead' || late === null) return { kind, deliveryId, error: 'no' }
      return { kind, deliveryId, error: 'no', dueAt: clock.now() + late }
    })
    await outbox.settle(outcomes)
    for (const [n, key] of keys.entries()) {
      toy.settle(outcomes[n] ?? { kind: 'delivered', deliveryId: 0 }, key)
      toy.held.delete(key)
    }
    toy.enforce()
  })

const release = fc.nat(3).map((count): Step => ({ outbox, toy, ids }) => {
  const keys = [...toy.held].slice(0, count)
  outbox.release(keys.map((key) => ids.get(key) ?? 0))
  for (const key of keys) toy.held.delete(key)
  return Promise.resolve()
})

const retry = fc.tuple(filter, fc.option(ref, { nil: undefined })).map(([which, to]): Step => async ({ outbox, toy }) => {
  expect(await outbox.retry(which, to)).toBe(toy.retry(which, to))
  toy.enforce()
})

const purge = filter.map((which): Step => async ({ outbox, toy }) => {
  expect(await outbox.purge(which)).toBe(toy.purge(which))
  toy.enforce()
})

const wait = fc.nat(50_000).map((ms): Step => ({ clock }) => clock.advance(ms))

/** Reopens, after a clean end or from what a crash leaves on the disk. Later, everything that was set aside is due. */
const reopen = fc.boolean().map((crash): Step => async (pair) => {
  const left = crash ? copyStore(pair.directory) : pair.directory
  await pair.outbox.close()
  expect(imbalances(left)).toEqual([])
  Object.assign(pair, await openTestOutbox({ directory: left, clock: pair.clock, limits: { maxRows: 24 }, dueCapMs }))
  pair.toy.held.clear()
  await pair.clock.advance(dueCapMs)
  for (const ret of pair.toy.returns.values()) {
    for (const one of ret.deliveries.values()) one.due = Math.min(one.due, pair.clock.now())
  }
})

const step = fc.oneof(
  { arbitrary: accept, weight: 8 }, { arbitrary: burst, weight: 2 }, { arbitrary: receive, weight: 2 }, { arbitrary: start, weight: 2 },
  { arbitrary: claim, weight: 6 }, { arbitrary: settle, weight: 5 }, { arbitrary: release, weight: 1 }, { arbitrary: retry, weight: 2 },
  { arbitrary: purge, weight: 1 }, { arbitrary: wait, weight: 2 }, { arbitrary: reopen, weight: 1 },
)

function compare({ outbox, toy }: Pair): void {
  const status = outbox.status()
  for (const books of status.destinations) {
    const { accepted, delivered, queued, dead, dropped, purged, lost } = books
    expect(accepted, books.name).toBe(delivered + queued + dead + dropped + purged + lost)
    expect({ accepted, delivered, queued, dead, dropped, purged }, books.name).toEqual(toy.books.get(books.name))
    expect(lost).toBe(0)
  }
  const rows = outbox.list({ limit: 1000 }).map((row) => `${row.returnId} ${row.destination} ${row.state} ${row.attempts}`)
  const toyRows = [...toy.returns.values()].flatMap((ret) =>
    [...ret.deliveries.values()].map((one) => `${ret.id} ${one.destination} ${one.state === 'dead' ? 'dead' : 'queued'} ${one.attempts}`),
  )
  expect(rows.toSorted()).toEqual(toyRows.toSorted())
  expect(new Map(outbox.unfinished().map((job) => [job.jid, job.state]))).toEqual(toy.unfinished)
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
    const body = outbox.findReturn(name)
    expect(body === null ? null : Buffer.from(body).toString()).toBe(toy.newest(name))
    for (const { name: destination } of refs) {
      const queued = [...toy.returns.values()].some((ret) => ret.jid === name && ['ready', 'setAside'].includes(ret.deliveries.get(destination)?.state ?? ''))
      expect(outbox.isQueued(name, destination)).toBe(queued)
    }
  }
}

test('does what the toy does, whatever happens in whatever order, with the books balanced after every step', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
      const toy = createToy({ perDestination: 12, overall: 24 })
      const pair: Pair = { ...(await openTestOutbox({ limits: { maxRows: 24 }, dueCapMs })), toy, ids: new Map() }
      try {
        for (const act of steps) {
          await act(pair)
          compare(pair)
        }
      } finally {
        await pair.outbox.close()
      }
      expect(imbalances(pair.directory)).toEqual([])
    }),
    { numRuns: 40 },
  )
})
