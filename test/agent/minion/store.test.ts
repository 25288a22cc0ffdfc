import { afterEach, expect, test } from 'vitest'
import { join } from 'node:path'
import { systemClock } from '../../../agent/clock.ts'
import { createControlServer } from '../../../agent/control/server.ts'
import { silentLogger } from '../../../agent/log.ts'
import { openStoreWhenFree } from '../../../agent/minion/store.ts'
import { openOutbox } from '../../../agent/outbox/outbox.ts'
import { createFakeClock } from '../../helpers/fake-clock.ts'
import { until } from '../../helpers/until.ts'
import { recordingLog } from '../../master/test-master.ts'
import { newDirectory } from '../outbox/support.ts'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

/** A store that is in use, as during a call. */
async function heldStore() {
  const directory = newDirectory()
  const holder = await openOutbox({ directory }, { clock: systemClock, log: silentLogger })
  ends.push(() => holder.close())
  return { directory, holder, socket: join(directory, 'control.sock') }
}

test('a store that another process has is waited for, and that is said once', async () => {
  const { directory, holder, socket } = await heldStore()
  const clock = createFakeClock()
  const logged: { level: string; message: string; fields: object }[] = []
  const opening = openStoreWhenFree({ directory }, { clock, log: recordingLog(logged), socket })
  await until(() => logged.length > 0 && clock.pending().length > 0, 'it waits')
  await clock.advance(100)
  await until(() => clock.pending().length > 0, 'it waits again')

  await holder.close()
  await clock.advance(100)
  const opened = await opening
  ends.push(() => opened.close())

  expect(logged.filter(({ message }) => message.includes('waiting'))).toEqual([
    { level: 'info', message: 'Another process has the store: waiting until it gives it back', fields: { pid: process.pid, waitMs: 10_000 } },
  ])
  expect(opened.status().unavailable).toBeNull()
})

test('not for longer than ten seconds', async () => {
  const { directory, socket } = await heldStore()
  const clock = createFakeClock()
  let late = 0
  const slow = { ...clock, monotonic: () => clock.monotonic() + late }
  const opening = openStoreWhenFree({ directory }, { clock: slow, log: silentLogger, socket }).catch((error: unknown) => error)
  await until(() => clock.pending().length > 0, 'it waits')

  // The machine may be too busy to look in between.
  late = 10_000
  await clock.advance(100)

  expect(await opening).toMatchObject({ code: 'OUTBOX_LOCKED', pid: process.pid })
})

test("a running agent's store is not waited for", async () => {
  const { directory, socket } = await heldStore()
  const control = createControlServer({ path: socket, methods: { ping: () => Promise.resolve(true) }, log: silentLogger, mayRemoveStale: true })
  await control.start()
  ends.push(() => control.stop())

  await expect(openStoreWhenFree({ directory }, { clock: createFakeClock(), log: silentLogger, socket })).rejects.toMatchObject({ code: 'OUTBOX_LOCKED' })
})
