import { JOB_CACHE, type JobCacheFunction, type ReturnerHandle, type SaltEvent } from '../../contract.ts'
import { hostileReturns } from '../hostile-returns.ts'
import { newJid } from '../jid.ts'
import { sampleItem, sampleReturn } from './samples.ts'
import { canonical, never, outcome, type ReturnerFixture, type ReturnerSuite, withFixture, withHandle, withOpen } from './suite.ts'

const jid = '20250101000000000050'
const load = { jid, fun: 'test.ping', arg: [], tgt: '*', tgt_type: 'glob', user: 'root', kwargs: { 'a.b': null } }
/** Not to be found, and not to be run either. */
const unknown = "x'; DROP TABLE jids; -- \\ %"

/** The functions of a handle that were declared: that they are there is tested first. */
type Cache = Required<ReturnerHandle>

/** The job-cache half, as far as the definition declares it. */
export function testJobCache<Options, Fixture extends ReturnerFixture>(suite: ReturnerSuite<Options, Fixture>): void {
  const { definition, runner: { test, expect } } = suite
  const declared = definition.jobCache ?? []
  const has = (...names: JobCacheFunction[]) => names.every((name) => declared.includes(name))

  test('has of the job cache what it declares, and nothing else', async () => {
    await withOpen(suite, async (handle) => {
      expect(JOB_CACHE.filter((name) => typeof handle[name] === 'function')).toEqual(JOB_CACHE.filter((name) => declared.includes(name)))
    })
  })

  if (has('saveLoad', 'getLoad')) testLoads(suite, has)
  if (has('getJid')) testReads(suite, has)
  if (has('prepJid')) {
    test('as a job cache, keeps a job id it is given and makes new ones', async () => {
      await withOpen(suite, async (handle) => {
        const { prepJid } = handle as Cache
        expect(await prepJid(false, jid)).toBe(jid)
        expect(await prepJid(true, jid)).toBe(jid)
        const made = [await prepJid(false), await prepJid(true), await prepJid(false)]
        expect(made.every((one) => /^\d{20}$/.test(one))).toBe(true)
        expect(new Set(made).size).toBe(3)
      })
    })
  }
  if (has('saveLoad', 'getLoad', 'getJid', 'cleanOldJobs')) testCleaning(suite)
  if (has('eventReturn')) testEvents(suite)
}

type Has = (...names: JobCacheFunction[]) => boolean

function testLoads<Options, Fixture extends ReturnerFixture>(suite: ReturnerSuite<Options, Fixture>, has: Has): void {
  const { definition, runner: { test, expect } } = suite

  test('as a job cache, gives back what was saved, to another process too', async () => {
    await withFixture(suite, async ({ options }) => {
      await withHandle(definition, options, async (handle) => {
        const { saveLoad, getLoad } = handle as Cache
        expect(await getLoad(jid)).toBe(null)
        await saveLoad(jid, load, ['b', 'a'])
        // A master stores the load again with the first return; the publication must stay.
        await saveLoad(jid, { jid, return: true, id: 'a' })
        if (has('saveMinions')) await handle.saveMinions?.(jid, ['c', 'a'])
        expect(await getLoad(jid)).toEqual({ ...load, Minions: has('saveMinions') ? ['a', 'b', 'c'] : ['a', 'b'] })
      })
      await withHandle(definition, options, async (handle) => expect(await (handle as Cache).getLoad(jid)).toMatchObject(load))
    })
  })

  if (has('getJids')) test('as a job cache, lists its jobs', async () => {
    await withOpen(suite, async (handle) => {
      const { saveLoad, getJids } = handle as Cache
      expect(await getJids()).toEqual({})
      const jids = [jid, '20250101000000000051', '20250101000000000052']
      for (const one of jids) await saveLoad(one, { ...load, jid: one }, ['a'])
      const listed = await getJids()
      expect(Object.keys(listed).toSorted()).toEqual(jids)
      for (const one of jids) expect(listed[one]).toMatchObject({ ...load, jid: one })
    })
  })

  test('as a job cache, takes loads with hostile values, ids that look like code, and minions of an unknown job', async () => {
    await withOpen(suite, async (handle) => {
      const { saveLoad, getLoad } = handle as Cache
      for (const [index, { name, json }] of hostileReturns.entries()) {
        const one = `202501010000000002${String(index).padStart(2, '0')}`
        const arg = JSON.parse(json()) as unknown
        const end = await outcome(saveLoad(one, { ...load, jid: one, arg }))
        expect(end.slice(0, 300), name).toMatch(/^(stored$|permanent: .)/)
        if (end === 'stored') expect(canonical(await getLoad(one)) === canonical({ ...load, jid: one, arg }), name).toBe(true)
      }
      expect(await getLoad(unknown)).toBe(null)
      if (has('saveMinions')) expect(await outcome(handle.saveMinions?.(unknown, ['a']) ?? Promise.resolve())).toBe('stored')
    })
  })
}

function testReads<Options, Fixture extends ReturnerFixture>(suite: ReturnerSuite<Options, Fixture>, has: Has): void {
  const { runner: { test, expect } } = suite

  test('as a job cache, finds returns by job, by function and their minions', async () => {
    await withOpen(suite, async (handle) => {
      const cache = handle as Cache
      const rets = ['a', 'b'].map((id) => sampleReturn(jid, { id, return: { from: id } }))
      for (const ret of [...rets, ...rets]) expect(await outcome(handle.returner([sampleItem(ret)], never))).toBe('stored')
      const expected = Object.fromEntries(rets.map((ret) => [ret.id, ret]))
      expect(await cache.getJid(jid)).toEqual(expected)
      expect(await cache.getJid(unknown)).toEqual({})
      if (has('getFun')) expect(await cache.getFun('test.ping')).toEqual(expected)
      if (has('getFun')) expect(await cache.getFun(unknown)).toEqual({})
      if (has('getMinions')) expect((await cache.getMinions()).toSorted()).toEqual(['a', 'b'])
    })
  })

  if (has('getFun')) test('as a job cache, gives for a function the newest job of each minion, however late an older one came', async () => {
    await withOpen(suite, async (handle) => {
      const order = ['20250101000000000061', '20250101000000000063', '20250101000000000062']
      const rets = order.map((one) => sampleReturn(one, { id: 'a', return: one }))
      const other = sampleReturn('20250101000000000064', { id: 'a', fun: 'test.echo' })
      for (const ret of [...rets, other]) expect(await outcome(handle.returner([sampleItem(ret)], never))).toBe('stored')
      expect(await (handle as Cache).getFun('test.ping')).toEqual({ a: rets[1] })
    })
  })
}

const DAY_MS = 86_400_000

function testCleaning<Options, Fixture extends ReturnerFixture>(suite: ReturnerSuite<Options, Fixture>): void {
  const { definition, runner: { test, expect } } = suite

  test('as a job cache, removes old jobs and no others', async () => {
    await withFixture(suite, async ({ options }) => {
      const today = Date.now()
      const times = [today - 3 * DAY_MS, today - DAY_MS / 24]
      const [old = '', young = ''] = times.map((time) => newJid(time, 0))
      for (const [index, one] of [old, young].entries()) {
        const store = async (handle: ReturnerHandle): Promise<void> => {
          await (handle as Cache).saveLoad(one, { ...load, jid: one }, ['a'])
          expect(await outcome(handle.returner([sampleItem(sampleReturn(one, { id: 'a' }))], never))).toBe('stored')
        }
        await withHandle(definition, options, store, { now: () => times[index] ?? 0 })
      }
      const clean = async (handle: ReturnerHandle): Promise<void> => {
        const { cleanOldJobs, getLoad, getJid } = handle as Cache
        await cleanOldJobs((2 * DAY_MS) / 1000)
        expect(await getLoad(old)).toBe(null)
        expect(await getJid(old)).toEqual({})
        expect(await getLoad(young)).toMatchObject({ ...load, jid: young })
        expect(Object.keys(await getJid(young))).toEqual(['a'])
      }
      await withHandle(definition, options, clean, { now: () => today })
    })
  })
}

function testEvents<Options, Fixture extends ReturnerFixture>(suite: ReturnerSuite<Options, Fixture>): void {
  const { runner: { test, expect } } = suite
  const events: SaltEvent[] = [
    { tag: 'salt/job/20250101000000000050/ret/a', data: { id: 'a', return: true, _stamp: '2025-01-01T00:00:00.000000' } },
    { tag: "it's/a\\tag", data: { text: "NUL \u0000, half a pair \ud83d, '); DROP TABLE salt_events; --" } },
  ]

  test('stores events', async () => {
    await withOpen(suite, async (handle, fixture) => {
      const { eventReturn } = handle as Cache
      expect(await outcome(eventReturn([]))).toBe('stored')
      expect(await outcome(eventReturn(events))).toBe('stored')
      expect(await outcome(eventReturn(events.slice(0, 1)))).toBe('stored')
      if (fixture.readEvents === undefined) return
      const stored = (await fixture.readEvents()).map(({ tag, data }) => canonical({ tag, data }))
      expect([...new Set(stored)].toSorted()).toEqual(events.map(canonical).toSorted())
    })
  })
}
