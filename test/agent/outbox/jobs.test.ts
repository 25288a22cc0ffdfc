import { describe, expect, test } from 'vitest'
import type { Outbox } from '../../../agent/outbox/port.ts'
import { copyStore, newReturn, openTestOutbox } from './support.ts'

const key = (jid: string) => ({ master: 'ab', jid })
const job = (jid: string) => ({ ...key(jid), fun: 'cmd.run', load: Buffer.from(`load ${jid}`) })
const hourMs = 60 * 60 * 1000

/** Receives and finishes jobs one by one. */
async function runJobs(outbox: Outbox, from: number, count: number): Promise<void> {
  for (let n = from; n < from + count; n += 1) {
    await outbox.receive(job(`j${n}`))
    await outbox.accept(newReturn(`j${n}`, [], { job: key(`j${n}`) }))
  }
}

describe('jobs that a crash cuts off', () => {
  test('are there at the next start: waiting or running, since when, with their process', async () => {
    const { outbox, clock, directory } = await openTestOutbox()
    await outbox.receive(job('1'))
    await outbox.receive(job('2'))
    await outbox.receive(job('3'))
    const receivedAt = clock.now()
    await clock.advance(5000)
    await outbox.start(key('2'), { pgid: 4711, startTicks: 99, bootId: 'b-1' })
    await outbox.start(key('3'))
    const left = copyStore(directory)
    await outbox.close()

    const after = await openTestOutbox({ directory: left, clock })

    const common = { master: 'ab', fun: 'cmd.run' }
    expect(after.outbox.unfinished()).toEqual([
      { ...common, jid: '1', load: Buffer.from('load 1'), state: 'waiting', since: receivedAt },
      {
        ...common, jid: '2', load: Buffer.from('load 2'), state: 'running', since: receivedAt + 5000,
        process: { pgid: 4711, startTicks: 99, bootId: 'b-1' },
      },
      { ...common, jid: '3', load: Buffer.from('load 3'), state: 'running', since: receivedAt + 5000 },
    ])
    await after.outbox.close()
  })

  test('are no longer unfinished once their return is accepted, in the same transaction', async () => {
    const { outbox, directory, clock } = await openTestOutbox()
    await outbox.receive(job('1'))
    await outbox.accept(newReturn('1', undefined, { job: key('1') }))
    const left = copyStore(directory)

    expect(outbox.unfinished()).toEqual([])
    await outbox.close()
    const after = await openTestOutbox({ directory: left, clock })
    expect(after.outbox.unfinished()).toEqual([])
    expect(after.outbox.findReturn('1')).not.toBe(null)
    await after.outbox.close()
  })

  test('cannot start without a received row', async () => {
    const { outbox } = await openTestOutbox()

    await expect(outbox.start(key('1'))).rejects.toThrow('job 1 cannot start: it was not received, or has returned')
    await outbox.close()
  })
})

describe('de-duplication', () => {
  test('knows a jid again, from the same master only, in the same commit, later, and after a crash', async () => {
    const { outbox, directory, clock } = await openTestOutbox()

    expect(await Promise.all([outbox.receive(job('1')), outbox.receive(job('1'))])).toEqual(['new', 'seen'])
    expect(await outbox.receive(job('1'))).toBe('seen')
    expect(await outbox.receive({ ...job('1'), master: 'other' })).toBe('new')
    await outbox.accept(newReturn('1', undefined, { job: key('1') }))
    const left = copyStore(directory)
    await outbox.close()

    const after = await openTestOutbox({ directory: left, clock })
    expect(await after.outbox.receive(job('1'))).toBe('seen')
    await after.outbox.close()
  })

  test('keeps the number of jids however old they are', async () => {
    const { outbox, clock } = await openTestOutbox({ limits: { rememberJids: 10, rememberMs: hourMs } })
    await runJobs(outbox, 0, 10)
    await clock.advance(100 * hourMs)

    expect(await outbox.receive(job('j0'))).toBe('seen')
    await runJobs(outbox, 10, 5)
    expect(outbox.status().rememberedJids).toBe(10)
    expect(await outbox.receive(job('j14'))).toBe('seen')
    expect(await outbox.receive(job('j4'))).toBe('new')
    await outbox.close()
  })

  test('keeps the young ones however many they are', async () => {
    const { outbox, clock } = await openTestOutbox({ limits: { rememberJids: 10, rememberMs: hourMs } })
    await runJobs(outbox, 0, 40)
    await clock.advance(hourMs / 2)

    expect(outbox.status().rememberedJids).toBe(40)
    expect(await outbox.receive(job('j0'))).toBe('seen')
    await outbox.close()
  })

  test('counts uptime: a step of the clock forgets nothing', async () => {
    const { outbox, clock } = await openTestOutbox({ limits: { rememberJids: 5, rememberMs: hourMs } })
    await runJobs(outbox, 0, 20)
    clock.stepWall(1000 * hourMs)
    await runJobs(outbox, 20, 5)

    expect(outbox.status().rememberedJids).toBe(25)
    await outbox.close()
  })

  test('stays within its bytes even for jids that are young, and never forgets a job that has not returned', async () => {
    const { outbox } = await openTestOutbox({ limits: { rememberBytes: 40 * 50 } })
    await outbox.receive(job('unfinished'))
    await runJobs(outbox, 0, 60)

    expect(outbox.status().rememberedJids).toBeLessThanOrEqual(50)
    expect(outbox.status().rememberedJids).toBeGreaterThan(30)
    expect(await outbox.receive(job('unfinished'))).toBe('seen')
    expect(await outbox.receive(job('j59'))).toBe('seen')
    await outbox.close()
  })

  test('stays within its bytes also where every commit brings a burst', async () => {
    const { outbox } = await openTestOutbox({ limits: { rememberBytes: 40 * 50 } })
    for (const burst of ['a', 'b', 'c']) {
      const jids = Array.from({ length: 1000 }, (_, n) => `${burst}${n}`)
      await Promise.all(jids.map((jid) => outbox.receive(job(jid))))
      await Promise.all(jids.map((jid) => outbox.accept(newReturn(jid, [], { job: key(jid) }))))
    }

    expect(outbox.status().rememberedJids).toBeLessThanOrEqual(50)
    await outbox.close()
  })

  test('of a million jids takes at most 100 MiB, by what thirty thousand take on disk', async () => {
    const { outbox, directory, clock } = await openTestOutbox()
    const bytesOf = async (count: number) => {
      const jids = Array.from({ length: count }, (_, n) => `202611222148${String(n).padStart(8, '0')}`)
      await Promise.all(jids.map((jid) => outbox.receive({ ...job(jid), load: Buffer.alloc(0) })))
      await Promise.all(jids.map((jid) => outbox.accept(newReturn(jid, [], { job: key(jid) }))))
      await outbox.close()
      const after = await openTestOutbox({ directory, clock, limits: { keepRows: 0 } })
      await after.outbox.accept(newReturn('last', []))
      await clock.advance(60_000)
      const { diskBytes } = after.outbox.status()
      await after.outbox.close()
      return diskBytes
    }

    expect((await bytesOf(30_000)) / 30_000).toBeLessThan((100 * 1024 * 1024) / 1_000_000)
  })
})
