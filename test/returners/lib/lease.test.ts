import { expect, test } from 'vitest'
import { createLease } from '../../../returners/lib/lease.ts'

const never = new AbortController().signal

/** Connections with a number, and what became of each. */
function connections() {
  const made: { id: number; gone: boolean; end: string }[] = []
  const lease = createLease<(typeof made)[number]>({
    open: async () => {
      const connection = { id: made.length + 1, gone: false, end: 'open' }
      made.push(connection)
      return connection
    },
    isGone: ({ gone }) => gone,
    survives: (error) => error instanceof RangeError,
    cut: (connection) => void (connection.end = 'cut'),
    close: async (connection) => void (connection.end = 'closed'),
  })
  return { made, lease }
}

test('one connection serves all, one after the other', async () => {
  const { made, lease } = connections()
  const order: string[] = []
  const work = (name: string) => lease.use(never, async ({ id }) => {
    order.push(`${name} begins`)
    await Promise.resolve()
    order.push(`${name} ends on ${id}`)
  })

  await Promise.all([work('a'), work('b')])
  expect(order).toEqual(['a begins', 'a ends on 1', 'b begins', 'b ends on 1'])
  await lease.close()
  expect(made.map(({ end }) => end)).toEqual(['closed'])
  await expect(lease.use(never, async () => {})).rejects.toThrow('closed')
})

test('after a failure, after a hang-up and after an abort there is a new one; after a refused value there is not', async () => {
  const { made, lease } = connections()
  await lease.use(never, () => Promise.reject(new RangeError('too large'))).catch(() => {})
  expect(await lease.use(never, async ({ id }) => id)).toBe(1)
  await lease.use(never, () => Promise.reject(new Error('broken'))).catch(() => {})
  expect(await lease.use(never, async ({ id }) => id)).toBe(2)
  for (const connection of made) connection.gone = true
  expect(await lease.use(never, async ({ id }) => id)).toBe(3)
  const controller = new AbortController()
  const stuck = lease.use(controller.signal, () => {
    queueMicrotask(() => controller.abort(new Error('time is up')))
    return new Promise(() => {})
  })
  await expect(stuck).rejects.toThrow('time is up')
  expect(await lease.use(never, async ({ id }) => id)).toBe(4)
  expect(made.map(({ end }) => end)).toEqual(['cut', 'cut', 'cut', 'open'])
})
