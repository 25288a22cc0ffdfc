import { expect, test } from 'vitest'
import type { Value } from '../../../../../agent/wire/value.ts'
import type { Sending } from '../../../../../scripts/lib/interop/chaos/ledger.ts'
import { describe, judge, type Evidence } from '../../../../../scripts/lib/interop/chaos/verdict.ts'

const JID = '20260101000000000001'
const TAKEN_AT = 10_000

/** One job that was published, accepted, sent, acknowledged, shown and cached once; with changes. */
function evidence(changes: { cached?: readonly (Value | undefined)[]; ends?: Sending['end'][]; seen?: number; accepted?: [string, Value][]; disturbed?: [number, number][] } = {}): Evidence {
  const { cached = ['job 1'], ends = ['acknowledged'], seen = 1, accepted = [[JID, 'job 1']], disturbed = [] } = changes
  return {
    jobs: new Map([[JID, { jid: JID, number: 1, text: 'job 1', takenAt: TAKEN_AT }]]),
    disturbances: disturbed.map(([from, to]) => ({ from, to })),
    accepted: new Map(accepted),
    cached: new Map(cached.length > 0 ? [[JID, cached]] : []),
    seen: new Map(seen > 0 ? [[JID, seen]] : []),
    sendings: ends.map((end) => ({ jid: JID, end })),
  }
}

test('a return that arrived once is well, and counted everywhere', () => {
  const verdict = judge(evidence())

  expect(verdict.problems).toEqual([])
  expect(describe(verdict)).toBe('published 1, missed 0, accepted 1, arrived 1, once 1, on the bus 1, re-sent 0, lost acknowledgements 0')
})

test.each([
  ['is not in the job cache', { cached: [] }, /holds nothing/],
  ['is there with another value', { cached: ['job 2'] }, /holds "job 2"/],
  ['is there twice', { cached: ['job 1', 'job 1'] }, /holds "job 1" and "job 1"/],
  ['has a place there without a return, and was sent once', { cached: [undefined] }, /holds no return/],
  ['was kept with another value than its job gives', { accepted: [[JID, 'job 2']] as [string, Value][] }, /keeps "job 2"/],
  ['was sent though the minion has not accepted it', { accepted: [] }, /has not accepted it/],
  ['was shown twice without a lost acknowledgement', { seen: 2 }, /showed it 2 times, and 0 acknowledgements were lost/],
  ['was shown more often than acknowledgements were lost', { seen: 3, ends: ['lost', 'acknowledged'] as Sending['end'][] }, /showed it 3 times/],
  ['was sent again after its acknowledgement', { ends: ['acknowledged', 'acknowledged'] as Sending['end'][] }, /again after its acknowledgement/],
  ['was taken for delivered without an acknowledgement', { ends: ['lost'] as Sending['end'][] }, /no acknowledgement of it went/],
  ['was never shown', { seen: 0 }, /showed only 0 of 1/],
])('a return that %s is a problem', (_what, changes, problem) => {
  expect(judge(evidence(changes)).problems.join('\n')).toMatch(problem)
})

test('a return that is shown again after its acknowledgement was lost is matched to it', () => {
  const verdict = judge(evidence({ seen: 2, ends: ['lost', 'acknowledged'] }))

  expect(verdict).toMatchObject({ problems: [], resent: 1, lostAcknowledgements: 1, late: 0, once: 1 })
})

test('an acknowledgement that went out as the connection ended may not have been read', () => {
  const verdict = judge(evidence({ seen: 2, ends: ['late', 'acknowledged'] }))

  expect(verdict).toMatchObject({ problems: [], resent: 1, lostAcknowledgements: 0, late: 1 })
})

test('a place in the cache that the master made and did not fill before it was killed is counted apart', () => {
  const verdict = judge(evidence({ cached: [undefined], seen: 2, ends: ['lost', 'acknowledged'] }))

  expect(verdict).toMatchObject({ problems: [], arrived: 0, torn: 1 })
})

const NEVER_CAME = { accepted: [] as [string, Value][], cached: [], ends: [], seen: 0 }

test('a publication that a connected minion never accepted is a problem', () => {
  const verdict = judge(evidence({ ...NEVER_CAME, disturbed: [[2000, 8000], [12_000, Infinity]] }))

  expect(verdict.missed).toBe(1)
  expect(verdict.problems.join('\n')).toMatch(/published it to a connected minion/)
})

test.each<[string, [number, number]]>([
  ['while the connection was disturbed', [9000, 11_000]],
  ['just before that', [10_500, 12_000]],
  ['just after that', [8000, 9500]],
])('a publication that was lost %s is only counted', (_when, disturbance) => {
  expect(judge(evidence({ ...NEVER_CAME, disturbed: [disturbance] }))).toMatchObject({ published: 1, missed: 1, problems: [] })
})
