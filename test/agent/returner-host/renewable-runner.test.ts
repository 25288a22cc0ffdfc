import { expect, test } from 'vitest'
import { createRenewableRunner } from '../../../agent/returner-host/renewable-runner.ts'
import type { Runner } from '../../../agent/returner-host/runner.ts'
import { notAborted } from '../../helpers/returner-host.ts'

/** Runners that note what happens to them; the first one's stop waits to be let go. */
function runners() {
  const noted: string[] = []
  const held = Promise.withResolvers<void>()
  let made = 0
  async function make(): Promise<Runner> {
    const number = ++made
    let stopped = false
    return {
      async call() {
        noted.push(stopped ? `${number} refused` : `${number} called`)
        return null
      },
      probe: async () => null,
      async stop() {
        if (number === 1) await held.promise
        stopped = true
        noted.push(`${number} stopped`)
      },
    }
  }
  return { noted, make, letGo: held.resolve, fail: held.reject }
}

test('a stop while a runner is being replaced leaves none behind', async () => {
  const { noted, make, letGo } = runners()
  const renewable = createRenewableRunner(make)
  await renewable.call([], notAborted)
  renewable.renew()
  const call = renewable.call([], notAborted)

  const stop = renewable.stop()
  letGo()
  await Promise.all([call, stop])

  expect(noted).toContain('2 stopped')
})

test('a runner that cannot be stopped is replaced all the same', async () => {
  const { noted, make, fail } = runners()
  const renewable = createRenewableRunner(make)
  await renewable.call([], notAborted)
  renewable.renew()
  fail(new Error('no'))

  await renewable.call([], notAborted)

  expect(noted).toEqual(['1 called', '2 called'])
})
