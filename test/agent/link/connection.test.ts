import { expect, test } from 'vitest'
import { createLinkBench } from '../../helpers/link-bench.ts'
import { createRsaPair, createScriptedMaster } from '../../helpers/scripted-master.ts'
import { until } from '../../helpers/until.ts'
import { systemClock, type Clock } from '../../../agent/clock.ts'

/** The system's clock, and the timers of it that are neither over nor cancelled. */
function watchedClock(): { clock: Clock; live: Set<symbol> } {
  const live = new Set<symbol>()
  const clock: Clock = {
    ...systemClock,
    timer(ms, callback) {
      const own = Symbol('timer')
      live.add(own)
      const cancel = systemClock.timer(ms, () => {
        live.delete(own)
        callback()
      })
      return () => {
        live.delete(own)
        cancel()
      }
    },
  }
  return { clock, live }
}

test('a listener that stops the link as soon as it is connected leaves no timer', async () => {
  const master = await createScriptedMaster(createRsaPair())
  const { clock, live } = watchedClock()
  const { link, close } = await createLinkBench(master, { clock })
  const stopped = new Promise<void>((resolve) => {
    link.onState((state) => {
      if (state === 'connected') void link.stop().then(resolve)
    })
  })
  link.start()
  await stopped
  await until(() => live.size === 0, 'no timer is left')
  await close()
  await master.shut()

  expect(link.state).toBe('stopped')
})
