import { expect, test } from 'vitest'
import { local, master, newReturn, openTestOutbox } from './support.ts'

test('a listener that throws costs neither the others nor the callers anything', async () => {
  const { outbox } = await openTestOutbox({ limits: { totalBytes: 64 * 1024 * 1024, maxRows: 2, destinationShare: 0.5 } })
  const told: string[] = []
  const fail = () => {
    throw new Error('no')
  }
  outbox.onQueued(fail)
  outbox.onQueued((names) => told.push(`queued ${names.join()}`))
  outbox.onGap(fail)
  outbox.onGap(({ destination, count }) => told.push(`gap ${destination} ${count}`))

  await outbox.accept(newReturn('1', [master]))
  await outbox.accept(newReturn('2', [local]))
  await outbox.accept(newReturn('3', [local]))

  expect(told).toEqual(['queued master:ab', 'queued local', 'gap local 1', 'queued local'])
  await outbox.close()
})
