import { describe, expect, test } from 'vitest'
import { batchSize, runBatch } from '../../../master/cli/batch.ts'
import { createFakeClock } from '../../helpers/fake-clock.ts'

/** A batch run whose jobs a test ends by hand. */
function start(minions: string[], settings: { size: number; waitMs?: number }) {
  const clock = createFakeClock()
  const jobs: string[][] = []
  const done = new Map<string, (id: string) => void>()
  const state = { stop: false, left: undefined as string[] | undefined }
  const ended = runBatch(minions, { waitMs: 0, ...settings }, {
    clock,
    async run(ids, onDone) {
      jobs.push(ids)
      for (const id of ids) done.set(id, onDone)
    },
    shouldStop: () => state.stop,
  }).then((left) => (state.left = left))
  const end = (...ids: string[]) => {
    for (const id of ids) done.get(id)?.(id)
  }
  return { clock, jobs, state, end, ended }
}

describe('runBatch', () => {
  test('keeps so many at work, and gives one job to all that find room at once', async () => {
    const { clock, jobs, end, ended } = start(['a', 'b', 'c', 'd', 'e'], { size: 3 })
    expect(jobs).toEqual([['a', 'b', 'c']])

    end('a', 'b')
    await clock.advance(20)
    expect(jobs).toEqual([['a', 'b', 'c'], ['d', 'e']])

    end('c', 'd', 'e')
    expect(await ended).toEqual([])
  })

  test('lets a minion that is done keep its place for the wait', async () => {
    const { clock, jobs, end } = start(['a', 'b', 'c'], { size: 1, waitMs: 5000 })

    end('a')
    await clock.advance(4999)
    expect(jobs).toEqual([['a']])
    await clock.advance(21)
    expect(jobs).toEqual([['a'], ['b']])
  })

  test('ends at once when told to, with those that got no job', async () => {
    const { state, end, ended, clock, jobs } = start(['a', 'b', 'c', 'd'], { size: 2 })

    state.stop = true
    end('a')
    expect(await ended).toEqual(['c', 'd'])
    await clock.advance(1000)
    end('b')
    expect(jobs).toEqual([['a', 'b']])
  })

  test('fails when a job cannot be run, and has nothing to do for nobody', async () => {
    const ports = { clock: createFakeClock(), shouldStop: () => false, run: () => Promise.reject(new Error('the master hung up')) }

    await expect(runBatch(['a'], { size: 1, waitMs: 0 }, ports)).rejects.toThrow('the master hung up')
    expect(await runBatch([], { size: 1, waitMs: 0 }, ports)).toEqual([])
  })
})

test.each([
  ['3', 10, 3], ['10%', 25, 2], ['%10', 25, 2], ['10%', 3, 1], ['100%', 7, 7], ['33.3%', 10, 3],
  ['0', 5, null], ['0%', 5, null], ['many', 5, null], ['', 5, null], ['1.5', 5, null], ['-2', 5, null],
])('the size %j of %i minions is %j', (text, minions, size) => {
  expect(batchSize(text, minions)).toBe(size)
})
