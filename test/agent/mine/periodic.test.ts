import { expect, test } from 'vitest'
import { createPeriodicMine } from '../../../agent/mine/periodic.ts'
import { recordingLog } from '../../master/test-master.ts'
import { createFakeClock } from '../../helpers/fake-clock.ts'

const hour = 3_600_000

function start(settings: { enabled?: boolean; intervalMs?: number } = {}) {
  const clock = createFakeClock()
  const logged: { level: string; message: string; fields: object }[] = []
  const world = { updates: 0, functions: true, run: () => Promise.resolve<unknown>(true) }
  const mine = createPeriodicMine(
    { enabled: true, intervalMs: hour, ...settings },
    {
      clock,
      log: recordingLog(logged),
      hasFunctions: () => world.functions,
      update() {
        world.updates += 1
        return world.run()
      },
    },
  )
  return { clock, world, mine, logged }
}

test('updates when the first pillar has come and at every interval, until it is stopped', async () => {
  const { clock, world, mine } = start()
  await clock.advance(hour)
  expect(world.updates).toBe(0)

  mine.begin()
  mine.begin()
  expect(world.updates).toBe(1)
  await clock.advance(2 * hour)
  expect(world.updates).toBe(3)

  mine.stop()
  mine.begin()
  await clock.advance(2 * hour)
  expect(world.updates).toBe(3)
  expect(clock.pending()).toEqual([])
})

test('does nothing while there are no functions, and looks again at the next interval', async () => {
  const { clock, world, mine } = start()
  world.functions = false
  mine.begin()
  expect(world.updates).toBe(0)

  world.functions = true
  await clock.advance(hour)

  expect(world.updates).toBe(1)
})

test('an update that still runs is not started again; one that failed is told and tried at the next interval', async () => {
  const { clock, world, mine, logged } = start()
  const pending: (() => void)[] = []
  world.run = () => new Promise((_done, failed) => pending.push(() => failed(new Error('away'))))
  mine.begin()
  await clock.advance(3 * hour)
  expect(world.updates).toBe(1)

  pending[0]?.()
  await clock.advance(hour)

  expect(logged.map(({ message }) => message)).toEqual(['the mine could not be updated'])
  expect(world.updates).toBe(2)
})

test('is off with mine_enabled: False, and runs once with an interval of 0', async () => {
  const off = start({ enabled: false })
  off.mine.begin()
  await off.clock.advance(hour)
  expect(off.world.updates).toBe(0)

  const once = start({ intervalMs: 0 })
  once.mine.begin()
  await once.clock.advance(hour)
  expect(once.world.updates).toBe(1)
})
