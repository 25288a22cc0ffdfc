import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { systemClock } from '../../agent/clock.ts'

/** Stops this thread as a signal would: neither timers nor sockets are looked at. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

test('what came while the process stood still is read before a limit is taken for passed', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [[far]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as [[Socket], unknown]
  try {
    const seen: string[] = []
    near.on('data', () => seen.push('the answer'))
    await new Promise<void>((resolve) => {
      systemClock.timer(150, () => {
        seen.push('the limit')
        resolve()
      })
      // Called when the answer lies in the other socket's buffer.
      far.write('x', () => standStill(400))
    })

    expect(seen).toEqual(['the answer', 'the limit'])
  } finally {
    near.destroy()
    far.destroy()
    server.close()
  }
})

test('a timer that is late can still be cancelled', async () => {
  const called: string[] = []
  const cancelLate = systemClock.timer(150, () => called.push('late'))
  standStill(300)
  await new Promise<void>((resolve) => systemClock.timer(0, resolve))
  cancelLate()
  await new Promise<void>((resolve) => systemClock.timer(250, resolve))

  expect(called).toEqual([])
})
