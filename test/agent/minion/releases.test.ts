import { expect, test } from 'vitest'
import { createReleases } from '../../../agent/minion/releases.ts'

test('closes everything, last opened first, also what stands behind one that fails, then throws the first failure', async () => {
  const closed: string[] = []
  const releases = createReleases()
  releases.push(() => void closed.push('store'))
  releases.push(() => Promise.reject(new Error('host')))
  releases.push(() => {
    throw new Error('socket')
  })
  releases.push(async () => void closed.push('timer'))

  await expect(releases.all()).rejects.toThrow('socket')

  expect(closed).toEqual(['timer', 'store'])
  await releases.all()
  expect(closed).toEqual(['timer', 'store'])
})
