import { expect, test } from 'vitest'
import { parsePublication, type Publication } from '../../../agent/jobs/publication.ts'
import { createTwins } from '../../../agent/jobs/twins.ts'

function order(jid: string, arg: string[] = []): Publication {
  const publication = parsePublication({ jid, fun: 'test.echo', arg, tgt: '*', tgt_type: 'glob', ret: '', user: 'root' })
  if ('reason' in publication) throw new Error(publication.reason)
  return publication
}

test('a job is a twin when a master with another key published the same order under the same jid', () => {
  const twins = createTwins()
  const jid = '20260101000000000001'

  expect(twins.isTwin(order(jid, ['x']), 'aa@a')).toBe(false)
  expect(twins.isTwin(order(jid, ['x']), 'aa@b')).toBe(false)
  expect(twins.isTwin(order(jid, ['x']), 'bb')).toBe(true)
  expect(twins.isTwin(order(jid, ['y']), 'bb')).toBe(false)
})

test('only the last thousand are remembered', () => {
  const twins = createTwins()
  const jidOf = (n: number): string => `20260101000000${String(n).padStart(6, '0')}`
  for (let n = 0; n <= 1000; n += 1) twins.isTwin(order(jidOf(n)), 'aa')

  expect(twins.isTwin(order(jidOf(1000)), 'bb')).toBe(true)
  expect(twins.isTwin(order(jidOf(0)), 'bb')).toBe(false)
})
