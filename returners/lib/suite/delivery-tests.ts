import type { DeliverySemantics, ReturnItem } from '../../contract.ts'
import { sampleBatch, sampleItem, sampleReturn } from './samples.ts'
import {
  canonicalAll, never, openWith, outcome, type ReturnerFixture, type ReturnerSuite, sendUntilStored, type TestRunner, withFixture, withHandle, withOpen,
} from './suite.ts'

/** What is stored, and what becomes of a return that comes again. */
export function testDelivery<Options, Fixture extends ReturnerFixture>(suite: ReturnerSuite<Options, Fixture>): void {
  const { definition, runner } = suite
  const { test, expect } = runner
  const batch = sampleBatch(Math.min(definition.maxBatch ?? 1, 20), 1000)

  test('stores all of a batch', async () => {
    await withOpen(suite, async (handle, fixture) => {
      expect(await outcome(handle.returner(batch, never))).toBe('stored')
      await expectStored(fixture, batch, 'upsert', runner)
    })
  })

  test('keeps returns of several minions under one job apart', async () => {
    await withOpen(suite, async (handle, fixture) => {
      const minions = ['web1', 'web2', 'wéb-3'].map((id) => sampleItem(sampleReturn('20250101000000000099', { id, return: id })))
      for (const item of minions) expect(await outcome(handle.returner([item], never))).toBe('stored')
      await expectStored(fixture, minions, 'upsert', runner)
    })
  })

  test('stores a job of several functions', async () => {
    await withOpen(suite, async (handle, fixture) => {
      const item = sampleItem(sampleReturn('20250101000000000098', {
        fun: ['test.ping', 'test.echo'], fun_args: [[], ['x']], return: { 'test.ping': true }, retcode: { 'test.ping': 0 }, success: { 'test.ping': true },
      }))
      expect(await outcome(handle.returner([item], never))).toBe('stored')
      await expectStored(fixture, [item], 'upsert', runner)
    })
  })
}

/** Replays after a success whose acknowledgement was lost: what the returner says of itself (`delivery`) must be so. */
export function testReplay<Options, Fixture extends ReturnerFixture>(suite: ReturnerSuite<Options, Fixture>): void {
  const { definition, runner } = suite
  const { test, expect } = runner
  const size = Math.min(definition.maxBatch ?? 1, 20)
  const batch = sampleBatch(size, 2000)

  test(`takes a batch again that it has stored: ${definition.delivery}`, async () => {
    await withOpen(suite, async (handle, fixture) => {
      expect(await outcome(handle.returner(batch, never))).toBe('stored')
      expect(await outcome(handle.returner(batch, never))).toBe('stored')
      await expectStored(fixture, batch, definition.delivery, runner)
    })
  })

  test(`takes a batch again in a new process, mixed with new returns: ${definition.delivery}`, async () => {
    const later = [...batch.slice(Math.ceil(size / 2)), ...sampleBatch(size, 3000)]
    await withFixture(suite, async (fixture) => {
      await withHandle(definition, fixture.options, async (first) => expect(await outcome(first.returner(batch, never))).toBe('stored'))
      await withHandle(definition, fixture.options, async (second) => {
        for (const part of partsOf(later, definition.maxBatch ?? 1)) expect(await outcome(second.returner(part, never))).toBe('stored')
      })
      await expectStored(fixture, [...batch, ...sampleBatch(size, 3000)], definition.delivery, runner)
    })
  })

  test(`takes a batch again while the first attempt is still under way: ${definition.delivery}`, async () => {
    await withOpen(suite, async (first, fixture) => {
      const second = await openWith(definition, fixture.options)
      try {
        // Backwards, as when an attempt was given up in its middle: whoever locks rows in turn must not lock up.
        const ends = await Promise.all([outcome(first.returner(batch, never)), outcome(second.returner(batch.toReversed(), never))])
        for (const end of ends) expect(end).toMatch(/^(stored|retry)/)
        expect(await sendUntilStored(second, batch)).toBe('stored')
      } finally {
        await second.close()
      }
      await expectStored(fixture, batch, definition.delivery, runner)
    })
  })

  if (suite.network === undefined) return
  test(`takes a batch again after its connection was cut, wherever that was: ${definition.delivery}`, () => {
    return withFixture(suite, (fixture) => cutEverywhere(suite, fixture))
  })
}

/** A conversation has fewer answers than this. */
const MOST_ANSWERS = 60

/**
 * For n = 0, 1, 2 … the connection is cut when the destination has given n answers and is about to give the next: it has done what it
 * was asked, and nobody hears of it. Until a batch is stored without reaching the cut.
 */
async function cutEverywhere<Options, Fixture extends ReturnerFixture>(suite: ReturnerSuite<Options, Fixture>, fixture: Fixture): Promise<void> {
  const { definition, runner } = suite
  const { expect } = runner
  const sent: ReturnItem[] = []
  for (let answers = 0; ; answers += 1) {
    expect(answers <= MOST_ANSWERS, 'the conversation ends').toBe(true)
    const batch = sampleBatch(Math.min(definition.maxBatch ?? 1, 3), 10_000 + 10 * answers)
    sent.push(...batch)
    if ((await cutOnce(suite, fixture, batch, answers)) === 'stored') {
      expect(answers, 'conversations that were cut').toBeGreaterThanOrEqual(1)
      break
    }
  }
  await expectStored(fixture, sent, definition.delivery, runner)
}

/** How the first attempt ended; the batch is stored in the end. */
async function cutOnce<Options, Fixture extends ReturnerFixture>(
  { definition, network, runner: { expect } }: ReturnerSuite<Options, Fixture>,
  fixture: Fixture,
  batch: ReturnItem[],
  answers: number,
): Promise<string> {
  const line = network?.(fixture)
  const handle = await openWith(definition, fixture.options)
  try {
    line?.cutAfter(answers)
    const end = await outcome(handle.returner(batch, AbortSignal.timeout(20_000)))
    line?.mend()
    expect(end, `cut after ${answers} answers`).toMatch(/^(stored|retry|partial)/)
    expect(await sendUntilStored(handle, batch), `again after a cut after ${answers} answers`).toBe('stored')
    return end
  } finally {
    await handle.close()
  }
}

/** All of them, unchanged; once each unless `delivery` says that they may show twice. */
async function expectStored(fixture: ReturnerFixture, items: readonly ReturnItem[], delivery: DeliverySemantics, { expect }: TestRunner): Promise<void> {
  if (fixture.readBack === undefined) return
  const stored = canonicalAll(await fixture.readBack())
  const expected = canonicalAll(items.map((item) => item.ret))
  expect(delivery === 'at-least-once' ? [...new Set(stored)] : stored).toEqual(expected)
}

function partsOf(items: readonly ReturnItem[], size: number): ReturnItem[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size))
}
