/**
 * The contract suite, which every returner passes: ours, and a site's own. Import it as `brine/testing`.
 *
 * It needs a test runner with Vitest's `describe`, `test` and `expect`, which the caller passes in.
 */
import type { ReturnerContext, ReturnerDefinition, ReturnerHandle, ReturnItem, ReturnRecord } from './contract.ts'
import { ERROR_CODES } from './contract.ts'
import { checkOptions } from './lib/check-options.ts'
import { errorCode, errorText } from './lib/error-code.ts'
import { hostileReturns } from './lib/hostile-returns.ts'
import { optionTable } from './lib/option-table.ts'

interface Expectation {
  toBe(expected: unknown): void
  toEqual(expected: unknown): void
  toContain(expected: unknown): void
  toMatch(expected: RegExp): void
  toBeGreaterThanOrEqual(expected: number): void
}

/** What is used of Vitest. */
export interface TestRunner {
  readonly describe: (name: string, body: () => void) => unknown
  readonly test: (name: string, body: () => Promise<void>) => unknown
  readonly expect: (value: unknown, message?: string) => Expectation
}

/** A place to store returns, made for one test. */
export interface ReturnerFixture {
  /** Options as they stand in the configuration. */
  options: Record<string, unknown>
  /** What is stored now, in any order. Without it, only what the returner says is tested. */
  readBack?(): Promise<ReturnRecord[]>
  /** Undoes what `setup` did. */
  teardown?(): Promise<void>
}

export interface ReturnerSuite<Options> {
  definition: ReturnerDefinition<Options>
  readonly setup: () => Promise<ReturnerFixture>
  /** Options that must be refused, each with a part of the message. */
  wrongOptions?: { options: Record<string, unknown>; message: RegExp }[]
  runner: TestRunner
}

/** A return for tests. */
export function sampleReturn(jid: string, fields: Partial<ReturnRecord> = {}): ReturnRecord {
  return { success: true, return: true, retcode: 0, jid, id: 'minion', fun: 'test.ping', fun_args: [], ...fields }
}

/** A return as the agent hands it over. */
export function sampleItem(ret: ReturnRecord, json = JSON.stringify(ret)): ReturnItem {
  return { key: `${ret.jid}/${ret.id}/test`, ret, json }
}

/** What a returner is opened with in tests. */
export function sampleContext(fields: Partial<ReturnerContext> = {}): ReturnerContext {
  return { minionId: 'minion', destination: 'test', stateDir: '/nonexistent', now: () => 1_700_000_000_000, ...fields }
}

/** Registers the contract suite for one returner. */
export function testReturner<Options>(suite: ReturnerSuite<Options>): void {
  const { runner, definition } = suite
  runner.describe(`the returner contract: ${definition.name}`, () => {
    testDefinition(suite)
    testLife(suite)
    testDelivery(suite)
    testHostileValues(suite)
    testJobCache(suite)
  })
}

const never = new AbortController().signal

/** Opens the returner on a fresh place, and takes both down afterwards. */
async function withOpen<Options>(
  suite: ReturnerSuite<Options>,
  body: (handle: ReturnerHandle, fixture: ReturnerFixture) => Promise<void>,
): Promise<void> {
  const fixture = await suite.setup()
  try {
    const handle = await openWith(suite.definition, fixture.options)
    try {
      await body(handle, fixture)
    } finally {
      await handle.close()
    }
  } finally {
    await fixture.teardown?.()
  }
}

async function openWith<Options>(definition: ReturnerDefinition<Options>, options: Record<string, unknown>): Promise<ReturnerHandle> {
  const checked = checkOptions(definition.options, options)
  if (!checked.ok) throw new Error(`the suite's options are refused: ${JSON.stringify(checked.issues)}`)
  return definition.open(checked.options, sampleContext())
}

function testDefinition<Options>({ definition, setup, wrongOptions, runner: { test, expect } }: ReturnerSuite<Options>): void {
  test('says what it is', async () => {
    expect(definition.name).toMatch(/^[a-z0-9_]{1,64}$/)
    expect(definition.summary).toMatch(/^\S.{5,}$/)
    expect(['upsert', 'dedupe-key', 'at-least-once']).toContain(definition.delivery)
    expect(typeof definition.open).toBe('function')
  })

  test('describes each of its options', async () => {
    const undescribed = optionTable(definition.options).filter((row) => row.description === '').map((row) => row.name)
    expect(undescribed).toEqual([])
  })

  test('takes the options it is tested with and no unknown one', async () => {
    const fixture = await setup()
    try {
      expect(checkOptions(definition.options, fixture.options).ok).toBe(true)
      const checked = checkOptions(definition.options, { ...fixture.options, no_such_option: 'hunter2' })
      expect(checked.ok ? 'taken' : checked.issues.map((issue) => issue.option)).toEqual(['no_such_option'])
    } finally {
      await fixture.teardown?.()
    }
  })

  for (const { options, message } of wrongOptions ?? []) {
    test(`refuses options: ${message.source}`, async () => {
      const checked = checkOptions(definition.options, options)
      expect(checked.ok ? 'taken' : checked.issues.map((issue) => `${issue.option}: ${issue.message}`).join('; ')).toMatch(message)
    })
  }
}

function testLife<Options>(suite: ReturnerSuite<Options>): void {
  const { definition, runner: { test, expect } } = suite

  test('opens twice side by side, and closing one leaves the other', async () => {
    await withOpen(suite, async (first, fixture) => {
      const second = await openWith(definition, fixture.options)
      await second.close()
      expect(await outcome(first.returner([sampleItem(sampleReturn('20250101000000000001'))], never))).toBe('stored')
    })
  })

  test('closes twice without harm', async () => {
    await withOpen(suite, async (handle) => {
      await handle.close()
      expect(await outcome(handle.close())).toBe('stored')
    })
  })

  test('ends when its signal was aborted before the call', async () => {
    await withOpen(suite, async (handle) => {
      const controller = new AbortController()
      controller.abort(new Error('stop'))
      const end = await outcome(handle.returner([sampleItem(sampleReturn('20250101000000000001'))], controller.signal))
      expect(end).toMatch(/^(stored|retry)/)
    })
  })

  test('ends when its signal is aborted during the call', async () => {
    await withOpen(suite, async (handle) => {
      const controller = new AbortController()
      const call = outcome(handle.returner([sampleItem(sampleReturn('20250101000000000001'))], controller.signal))
      controller.abort(new Error('stop'))
      expect(await call).toMatch(/^(stored|retry)/)
    })
  })
}

function testDelivery<Options>(suite: ReturnerSuite<Options>): void {
  const { definition, runner: { test, expect } } = suite
  const size = Math.min(definition.maxBatch ?? 1, 20)
  const batch = Array.from({ length: size }, (_, index) => sampleItem(sampleReturn(`202501010000000000${String(index + 10)}`, { return: index })))

  test('stores all of a batch', async () => {
    await withOpen(suite, async (handle, fixture) => {
      expect(await outcome(handle.returner(batch, never))).toBe('stored')
      if (fixture.readBack === undefined) return
      expect(byJid(await fixture.readBack())).toEqual(byJid(batch.map((item) => item.ret)))
    })
  })

  test(`takes a batch again that it has stored: ${definition.delivery}`, async () => {
    await withOpen(suite, async (handle, fixture) => {
      await handle.returner(batch, never)
      expect(await outcome(handle.returner(batch, never))).toBe('stored')
      if (fixture.readBack === undefined) return
      const stored = await fixture.readBack()
      if (definition.delivery === 'at-least-once') expect(stored.length).toBeGreaterThanOrEqual(size)
      else expect(byJid(stored)).toEqual(byJid(batch.map((item) => item.ret)))
    })
  })

  test('keeps returns of several minions under one job apart', async () => {
    await withOpen(suite, async (handle, fixture) => {
      const minions = ['web1', 'web2', 'wéb-3'].map((id) => sampleReturn('20250101000000000099', { id, return: id }))
      for (const ret of minions) await handle.returner([sampleItem(ret)], never)
      if (fixture.readBack === undefined) return
      const stored = await fixture.readBack()
      expect(stored.map((ret) => String(ret.return)).toSorted()).toEqual(['web1', 'web2', 'wéb-3'])
    })
  })

  test('stores a job of several functions', async () => {
    await withOpen(suite, async (handle, fixture) => {
      const ret = sampleReturn('20250101000000000098', {
        fun: ['test.ping', 'test.echo'], fun_args: [[], ['x']], return: { 'test.ping': true }, retcode: { 'test.ping': 0 }, success: { 'test.ping': true },
      })
      expect(await outcome(handle.returner([sampleItem(ret)], never))).toBe('stored')
      if (fixture.readBack !== undefined) expect(await fixture.readBack()).toEqual([ret])
    })
  })
}

function testHostileValues<Options>(suite: ReturnerSuite<Options>): void {
  const { runner: { test, expect } } = suite
  for (const { name, json } of hostileReturns) {
    test(`stores or refuses for good: ${name}`, async () => {
      await withOpen(suite, async (handle, fixture) => {
        const text = json()
        const ret = JSON.parse(text) as ReturnRecord
        const end = await outcome(handle.returner([sampleItem(ret, text)], never))
        expect(end.split(':')[0]).toMatch(/^(stored|permanent)$/)
        const after = sampleReturn('20250101000000000097')
        expect(await outcome(handle.returner([sampleItem(after)], never)), 'what comes after it').toBe('stored')
        if (fixture.readBack === undefined) return
        const stored = new Map((await fixture.readBack()).map((one) => [one.jid, one]))
        expect(stored.has(after.jid)).toBe(true)
        // Compared as text: 16 MiB and 500 levels are hard on a deep comparison.
        if (end === 'stored') expect(JSON.stringify(stored.get(ret.jid)) === JSON.stringify(ret), 'read back unchanged').toBe(true)
      })
    })
  }
}

function testJobCache<Options>(suite: ReturnerSuite<Options>): void {
  const { runner: { test, expect } } = suite
  const jid = '20250101000000000050'
  const load = { jid, fun: 'test.ping', arg: [], tgt: '*', tgt_type: 'glob', user: 'root' }

  test('as a job cache, gives back what was saved', async () => {
    await withOpen(suite, async (handle) => {
      expect(typeof handle.returner).toBe('function')
      if (handle.saveLoad === undefined || handle.getLoad === undefined) return
      expect(await handle.getLoad(jid)).toBe(null)
      await handle.saveLoad(jid, load, ['b', 'a'])
      // A master stores the load again with the first return; the publication must stay.
      await handle.saveLoad(jid, { jid, return: true, id: 'a' })
      await handle.saveMinions?.(jid, ['c'])
      expect(await handle.getLoad(jid)).toEqual({ ...load, Minions: ['a', 'b', 'c'] })
      expect(Object.keys((await handle.getJids?.()) ?? { [jid]: {} })).toEqual([jid])
    })
  })

  test('as a job cache, finds returns by job and by function', async () => {
    await withOpen(suite, async (handle) => {
      const rets = ['a', 'b'].map((id) => sampleReturn(jid, { id, return: { from: id } }))
      for (const ret of rets) expect(await outcome(handle.returner([sampleItem(ret)], never))).toBe('stored')
      const expected = Object.fromEntries(rets.map((ret) => [ret.id, ret]))
      if (handle.getJid !== undefined) expect(await handle.getJid(jid)).toEqual(expected)
      if (handle.getFun !== undefined) expect(await handle.getFun('test.ping')).toEqual(expected)
      if (handle.getMinions !== undefined) expect(await handle.getMinions()).toEqual(['a', 'b'])
    })
  })

  test('as a job cache, keeps a job id it is given and makes new ones', async () => {
    await withOpen(suite, async (handle) => {
      expect(typeof handle.returner).toBe('function')
      if (handle.prepJid === undefined) return
      expect(await handle.prepJid(false, jid)).toBe(jid)
      const made = [await handle.prepJid(false), await handle.prepJid(false)]
      expect(made.every((one) => /^\d{20}$/.test(one)) && made[0] !== made[1]).toBe(true)
    })
  })
}

/** How a call ended, in the lane's words. */
async function outcome(call: Promise<unknown>): Promise<string> {
  try {
    await call
    return 'stored'
  } catch (error) {
    const code = errorCode(error)
    const kind = code === ERROR_CODES.permanent ? 'permanent' : code === ERROR_CODES.operator ? 'operator' : 'retry'
    return `${kind}: ${errorText(error)}`
  }
}

function byJid(records: ReturnRecord[]): ReturnRecord[] {
  return records.toSorted((one, other) => (one.jid < other.jid ? -1 : one.jid > other.jid ? 1 : 0))
}
