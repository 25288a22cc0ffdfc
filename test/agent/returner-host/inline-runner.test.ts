import { expect, test } from 'vitest'
import { createInlineRunner } from '../../../agent/returner-host/inline-runner.ts'
import { hostDefaults } from '../../../agent/returner-host/host.ts'
import type { Prepare } from '../../../agent/returner-host/prepare.ts'
import { defineReturner, z } from '../../../returners/contract.ts'
import { createFakeClock } from '../../helpers/fake-clock.ts'
import { delivery, notAborted } from '../../helpers/returner-host.ts'

const limits = {
  ...hostDefaults, deadlineMs: 1000, graceMs: 100, startTimeoutMs: 1000, idleMs: 5000, backoffCapMs: 1000, memoryLimitBytes: 1,
}
const item = { key: 'key', body: delivery(1).body }

const prepare: Prepare = async () =>
  ({ ok: true, name: 'slow', load: { kind: 'built-in', name: 'slow' }, options: {}, from: {}, secrets: ['hunter2'], warnings: [], view: { maxJsonBytes: 2 ** 20 } })

/** A runner over a returner whose calls end when the test says so. */
function start() {
  const clock = createFakeClock()
  const calls: { end: () => void; fail: (error: Error) => void; signal: AbortSignal }[] = []
  let opened = 0
  let closed = 0
  const definition = defineReturner<unknown>({
    name: 'slow',
    summary: 'Ends when told to',
    delivery: 'upsert',
    options: z.strictObject({}),
    open() {
      opened += 1
      return {
        returner: (_items, signal) => new Promise((end, fail) => void calls.push({ end, fail, signal })),
        close: async () => {
          closed += 1
        },
      }
    },
  })
  const runner = createInlineRunner({ limits, definition, context: { minionId: 'm', destination: 'slow', stateDir: '/', cacheDir: '/' }, prepare }, clock)
  return { clock, runner, calls, counts: () => ({ opened, closed }) }
}

test('gives up a call that hangs, and begins no other before it has ended', async () => {
  const { clock, runner, calls } = start()
  const first = runner.call([item], notAborted)
  await clock.advance(1100)

  expect(await first).toEqual({ message: 'the returner did not answer within 1 s' })
  expect(calls[0]?.signal.aborted).toBe(true)
  expect(await runner.call([item], notAborted)).toMatchObject({ untried: true, message: expect.stringMatching(/has not ended/) })

  calls[0]?.end()
  await clock.advance(0)
  const third = runner.call([item], notAborted)
  await clock.advance(0)
  calls[1]?.end()
  expect(await third).toBe(null)
})

test('believes a call that ends within the grace after its deadline', async () => {
  const { clock, runner, calls } = start()
  const call = runner.call([item], notAborted)
  await clock.advance(1050)
  calls[0]?.end()

  expect(await call).toBe(null)
})

test('passes an abort on, and takes secrets out of the reason', async () => {
  const { clock, runner, calls } = start()
  const stop = new AbortController()
  const call = runner.call([item], stop.signal)
  await clock.advance(0)
  stop.abort()
  calls[0]?.fail(new Error('hunter2 was refused'))

  expect(await call).toEqual({ message: '*** was refused' })
})

test('closes when idle and opens again', async () => {
  const { clock, runner, calls, counts } = start()
  const call = runner.call([item], notAborted)
  await clock.advance(0)
  calls[0]?.end()
  await call

  await clock.advance(4999)
  expect(counts()).toEqual({ opened: 1, closed: 0 })
  await clock.advance(1)
  expect(counts()).toEqual({ opened: 1, closed: 1 })
  expect(await runner.probe()).toBe(null)
  expect(counts()).toEqual({ opened: 2, closed: 1 })
})

test('stop aborts what runs and closes; afterwards nothing is taken', async () => {
  const { clock, runner, calls, counts } = start()
  const call = runner.call([item], notAborted)
  await clock.advance(0)
  const stopped = runner.stop()
  expect(calls[0]?.signal.aborted).toBe(true)
  calls[0]?.fail(new Error('stopped'))
  await stopped
  await call
  await clock.advance(0)

  expect(counts()).toEqual({ opened: 1, closed: 1 })
  expect(await runner.call([item], notAborted)).toMatchObject({ message: 'the returner is closed' })
})
