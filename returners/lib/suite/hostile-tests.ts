import type { ReturnRecord } from '../../contract.ts'
import { hostileReturns } from '../hostile-returns.ts'
import { sampleItem, sampleReturn } from './samples.ts'
import { canonical, canonicalText, never, outcome, type ReturnerFixture, type ReturnerSuite, withOpen } from './suite.ts'

/** Values that have broken returners: each is stored unchanged, or refused for good where the target cannot hold it. */
export function testHostileValues<Options, Fixture extends ReturnerFixture>(suite: ReturnerSuite<Options, Fixture>): void {
  const { mayRefuse = [], mayRound = [], runner: { test, expect } } = suite
  test('refuses only hostile values that there are', async () => {
    const names = new Set(hostileReturns.map((one) => one.name))
    expect([...mayRefuse, ...mayRound].filter((name) => !names.has(name))).toEqual([])
  })

  for (const { name, json } of hostileReturns) {
    test(`stores ${mayRefuse.includes(name) ? 'or refuses for good: ' : ''}${name}`, async () => {
      await withOpen(suite, async (handle, fixture) => {
        const text = json()
        const ret = JSON.parse(text) as ReturnRecord
        const end = await outcome(handle.returner([sampleItem(ret, text)], never))
        // Without the value, which may be all of the message.
        expect(end.slice(0, 300)).toMatch(mayRefuse.includes(name) ? /^(stored$|permanent: .)/ : /^stored$/)
        const after = sampleReturn('20250101000000000097')
        expect(await outcome(handle.returner([sampleItem(after)], never)), 'what comes after it').toBe('stored')
        if (fixture.readBack === undefined) return
        const stored = new Map((await fixture.readBack()).map((one) => [one.jid, one]))
        expect(stored.has(after.jid)).toBe(true)
        if (end === 'stored') expect(canonical(stored.get(ret.jid)) === canonical(ret), 'read back unchanged').toBe(true)
        if (end !== 'stored' || mayRound.includes(name) || fixture.readTexts === undefined) return
        const texts = await fixture.readTexts()
        expect(texts.some((one) => canonicalText(one) === canonicalText(text)), 'its numbers are exact').toBe(true)
      })
    })
  }
}
