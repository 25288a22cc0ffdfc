import { expect, test } from 'vitest'
import { PermanentError, type ReturnItem } from '../../../returners/contract.ts'
import { storeBatch } from '../../../returners/lib/store-batch.ts'
import { sampleBatch } from '../../../returners/testing.ts'

/** A store that refuses some for good, and goes away after so many calls. */
function store(refused: number[], calls = Infinity) {
  const stored = new Set<string>()
  let made = 0
  return {
    stored,
    async store(items: ReturnItem[]) {
      made += 1
      if (made > calls) throw new Error('gone')
      if (items.some(({ ret }) => refused.includes(Number(ret.return)))) throw new PermanentError('too large')
      for (const { key } of items) stored.add(key)
    },
  }
}

test('of a batch only what is refused is left out', async () => {
  const batch = sampleBatch(10, 0)
  const target = store([3, 8])

  await expect(storeBatch(batch, target.store)).rejects.toMatchObject({
    code: 'BRINE_PARTIAL', rejected: [{ key: batch[3]?.key, error: 'too large' }, { key: batch[8]?.key, error: 'too large' }],
  })
  expect(target.stored.size).toBe(8)
})

test('what fails in another way ends the batch, and says what is stored by then', async () => {
  const batch = sampleBatch(8, 0)

  await expect(storeBatch(batch, store([7], 2).store)).rejects.toMatchObject({
    code: 'BRINE_PARTIAL', message: 'gone', stored: batch.slice(0, 4).map(({ key }) => key), rejected: [],
  })
  await expect(storeBatch(batch, store([], 0).store)).rejects.toThrow('gone')
})

test('a lone one that is refused is refused', async () => {
  await expect(storeBatch(sampleBatch(1, 0), store([0]).store)).rejects.toMatchObject({ code: 'BRINE_PERMANENT', message: 'too large' })
})
