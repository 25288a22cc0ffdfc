import { expect, test } from 'vitest'
import { silentLogger } from '../../../agent/log.ts'
import { createPillarKeeper } from '../../../agent/pillar/keeper.ts'
import { fakeLink } from '../delivery/fake-link.ts'

test('tells of each pillar that a master gave, after it is the current one, and of no failure', async () => {
  const answers: (() => Promise<{ n: number }>)[] = [
    () => Promise.resolve({ n: 1 }),
    () => Promise.reject(new Error('no answer')),
    () => Promise.resolve({ n: 2 }),
  ]
  const link = fakeLink({ requestPrivate: () => answers.shift()?.() ?? Promise.reject(new Error('asked too often')) })
  const keeper = createPillarKeeper({ id: 'm1', saltenv: null, pillarenv: null }, () => ({}), [link], silentLogger)
  const told: unknown[] = []
  keeper.onChange(() => told.push(keeper.current()))

  expect([await keeper.refresh(), await keeper.refresh(), await keeper.refresh()]).toEqual([true, false, true])

  expect(told).toEqual([{ n: 1 }, { n: 2 }])
})
