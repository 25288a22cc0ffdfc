import { existsSync, statSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import type { Outbox } from '../../../agent/outbox/port.ts'
import { pageSize, readFacts } from '../../../agent/outbox/database.ts'
import { storePaths } from '../../../agent/outbox/settings.ts'
import { drain, everything, imbalances, master, newReturn, openTestOutbox, withCopy } from './support.ts'

const MiB = 1024 * 1024

async function fill(outbox: Outbox, count: number, size: number): Promise<void> {
  for (let n = 0; n < count; n += 500) {
    const rets = Array.from({ length: Math.min(500, count - n) }, (_, m) => newReturn(`j${n + m}`, [master], { body: Buffer.alloc(size) }))
    await Promise.all(rets.map((ret) => outbox.accept(ret)))
  }
}

/** Bytes in use after a garbage collection. */
function used(): number {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect === 'function') collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Notes the most rows that any query of a store gives at once. */
function countRows(): { most: number; readFacts: typeof readFacts } {
  const counted = {
    most: 0,
    readFacts: ((database) => {
      const prepare = database.prepare.bind(database)
      const prepareCounting = (source: string) => {
        const statement = prepare(source)
        const all = statement.all.bind(statement)
        statement.all = (...values) => {
          const rows = all(...values)
          counted.most = Math.max(counted.most, rows.length)
          return rows
        }
        return statement
      }
      database.prepare = prepareCounting as typeof database.prepare
      return readFacts(database)
    }) satisfies typeof readFacts,
  }
  return counted
}

test('the disk space comes back after a drain, once it is quiet', async () => {
  const { outbox, clock, directory } = await openTestOutbox({ limits: { keepBytes: 0 } })
  await fill(outbox, 5000, 4000)
  await drain(outbox, master.name, clock.now())
  const full = outbox.status().diskBytes
  expect(full).toBeGreaterThan(20 * MiB)

  await clock.advance(60_000)

  expect(outbox.status().diskBytes).toBeLessThan(2 * MiB)
  expect(outbox.status().destinations).toMatchObject([{ delivered: 5000, queued: 0 }])
  await outbox.close()
  expect(imbalances(directory)).toEqual([])
})

test('a busy store is not vacuumed, and a quiet one is left alone', async () => {
  const { outbox, clock } = await openTestOutbox({ limits: { keepBytes: 0 } })
  await fill(outbox, 1000, 4000)
  await drain(outbox, master.name, clock.now())
  const before = outbox.status().diskBytes
  for (let n = 0; n < 5; n += 1) {
    await clock.advance(900)
    await outbox.accept(newReturn(`busy${n}`))
  }
  expect(outbox.status().diskBytes).toBeGreaterThan(before * 0.9)

  await clock.advance(60_000)
  const quiet = outbox.status().diskBytes
  expect(quiet).toBeLessThan(before / 2)
  // What a quiet store waits for: the look at the ages, once a minute.
  expect(clock.pending()).toHaveLength(1)
  await outbox.close()
})

test('a long WAL is emptied when it is quiet', async () => {
  const { outbox, clock, directory } = await openTestOutbox()
  const { wal } = storePaths(directory)
  await fill(outbox, 600, 4000)
  expect(statSync(wal).size).toBeGreaterThan(MiB)

  await clock.advance(2000)

  expect(statSync(wal).size).toBe(0)
  await outbox.close()
  expect(existsSync(wal)).toBe(false)
})

test('the file is made with the page size and the vacuum that were decided', async () => {
  const { outbox, directory } = await openTestOutbox()
  await outbox.accept(newReturn('1'))
  await outbox.close()

  withCopy(directory, (database) => {
    expect(database.pragma('page_size', { simple: true })).toBe(pageSize)
    expect(database.pragma('auto_vacuum', { simple: true })).toBe(2)
  })
})

test('the uptime is saved while something waits, so that a crash does not make it young again', async () => {
  const hourMs = 60 * 60 * 1000
  const { outbox, clock, directory } = await openTestOutbox()
  await outbox.accept(newReturn('1'))
  await clock.advance(hourMs)

  const saved = withCopy(directory, (database) => Number(database.prepare('SELECT uptime FROM meta').pluck().get()))
  expect(saved).toBeGreaterThan(hourMs - 11 * 60_000)
  await outbox.close()
})

test('the memory does not depend on the backlog', { timeout: 60_000 }, async () => {
  const counted = countRows()
  const { outbox, clock } = await openTestOutbox({ limits: { keepRows: 0 }, readFacts: counted.readFacts })
  const reads = () => {
    outbox.status()
    outbox.queuedDestinations()
    outbox.nextDue(master.name)
    outbox.list({ limit: 100 })
    const claimed = outbox.claim(everything(outbox, master.name, clock.now(), { limit: 100 }))
    outbox.release(claimed.map(({ deliveryId }) => deliveryId))
  }
  await fill(outbox, 2000, 500)
  reads()
  const small = used()
  await fill(outbox, 50_000, 500)
  counted.most = 0
  reads()
  const large = used()

  expect(outbox.status().destinations).toMatchObject([{ queued: 52_000 }])
  // 25 MiB of bodies more, in the database; and no read goes through more rows than it gives.
  expect(large - small).toBeLessThan(8 * MiB)
  expect(counted.most).toBe(100)
  expect(await drain(outbox, master.name, clock.now(), { limit: 500 })).toHaveLength(52_000)
  await outbox.close()
})
