import { checkOptions } from '../check-options.ts'
import { optionTable } from '../option-table.ts'
import { sampleItem, sampleReturn } from './samples.ts'
import { never, openWith, outcome, type ReturnerFixture, type ReturnerSuite, withFixture, withOpen } from './suite.ts'

/** What a returner says of itself, and which options it takes. */
export function testDefinition<Options, Fixture extends ReturnerFixture>(suite: ReturnerSuite<Options, Fixture>): void {
  const { definition, wrongOptions, runner: { test, expect } } = suite
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
    await withFixture(suite, async ({ options }) => {
      expect(checkOptions(definition.options, options).ok).toBe(true)
      const checked = checkOptions(definition.options, { ...options, no_such_option: 'hunter2' })
      expect(checked.ok ? 'taken' : checked.issues.map((issue) => issue.option)).toEqual(['no_such_option'])
    })
  })

  for (const { options, message } of wrongOptions ?? []) {
    test(`refuses options: ${message.source}`, async () => {
      const checked = checkOptions(definition.options, options)
      expect(checked.ok ? 'taken' : checked.issues.map((issue) => `${issue.option}: ${issue.message}`).join('; ')).toMatch(message)
    })
  }
}

/** Opening, closing and being told to stop. */
export function testLife<Options, Fixture extends ReturnerFixture>(suite: ReturnerSuite<Options, Fixture>): void {
  const { definition, runner: { test, expect } } = suite
  const one = sampleItem(sampleReturn('20250101000000000001'))

  test('opens twice side by side, and closing one leaves the other', async () => {
    await withOpen(suite, async (first, fixture) => {
      const second = await openWith(definition, fixture.options)
      await second.close()
      expect(await outcome(first.returner([one], never))).toBe('stored')
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
      expect(await outcome(handle.returner([one], controller.signal))).toMatch(/^(stored|retry)/)
    })
  })

  test('ends when its signal is aborted during the call, and stores the next', async () => {
    await withOpen(suite, async (handle) => {
      const controller = new AbortController()
      const call = outcome(handle.returner([one], controller.signal))
      controller.abort(new Error('stop'))
      expect(await call).toMatch(/^(stored|retry)/)
      expect(await outcome(handle.returner([one], never))).toBe('stored')
    })
  })
}
