import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { pageSize, readFacts } from '../../../agent/outbox/database.ts'
import { StoreUnavailableError } from '../../../agent/outbox/port.ts'
import { storePaths } from '../../../agent/outbox/settings.ts'
import { createFakeClock } from '../../helpers/fake-clock.ts'
import { trace } from '../../helpers/syscalls.ts'
import { brokenPromises, parsePromises } from './promises.ts'
import { drain, everything, imbalances, local, master, newDirectory, newReturn, openTestOutbox, withCopy } from './support.ts'

const program = fileURLToPath(new URL('../../fixtures/outbox-stream.ts', import.meta.url))

/** A disk that is full until `pages` is raised. */
function smallDisk(pages: number): { pages: number; read: typeof readFacts } {
  const disk = {
    pages,
    read: ((database) => {
      database.pragma(`max_page_count = ${disk.pages}`)
      return readFacts(database)
    }) satisfies typeof readFacts,
  }
  return disk
}

describe('a full disk', () => {
  test('fails the changes that did not fit, all of them, and nothing else', async () => {
    const disk = smallDisk(60)
    const { outbox, clock } = await openTestOutbox({ readFacts: disk.read })
    const told: (string | null)[] = []
    outbox.onAvailability((reason) => told.push(reason))
    await outbox.accept(newReturn('before', [master, local]))
    const [claimed] = outbox.claim(everything(outbox, local.name, clock.now()))

    const big = outbox.accept(newReturn('big', [master], { body: Buffer.alloc(1024 * 1024) }))
    const small = outbox.accept(newReturn('small'))
    await expect(big).rejects.toBeInstanceOf(StoreUnavailableError)
    await expect(small).rejects.toThrow('the outbox cannot be written: database or disk is full')

    expect(told).toEqual(['database or disk is full (SQLITE_FULL)'])
    expect(outbox.status().unavailable).toContain('full')
    await expect(outbox.receive({ master: 'ab', jid: '1', fun: 'f', load: Buffer.alloc(0) })).rejects.toBeInstanceOf(StoreUnavailableError)
    await expect(outbox.settle([{ kind: 'delivered', deliveryId: claimed?.deliveryId ?? 0 }])).rejects.toBeInstanceOf(StoreUnavailableError)
    expect(outbox.claim(everything(outbox, master.name, clock.now()))).toEqual([])
    expect(outbox.queuedDestinations()).toEqual([])

    disk.pages = 100_000
    await clock.advance(1000)
    expect(told).toEqual(['database or disk is full (SQLITE_FULL)', null])
    expect(outbox.list({}).map(({ jid, destination }) => `${jid} ${destination}`)).toEqual(['before master:ab', 'before local'])
    // The claim is still the lane's: it can settle now what it had sent.
    expect(outbox.claim(everything(outbox, local.name, clock.now()))).toEqual([])
    await outbox.settle([{ kind: 'delivered', deliveryId: claimed?.deliveryId ?? 0 }])
    await outbox.accept(newReturn('after'))
    expect(await drain(outbox, master.name, clock.now())).toEqual(['before', 'after'])
    await outbox.close()
  })

  test('is probed more and more rarely, and normal service resumes by itself', async () => {
    let full = false
    const probes: number[] = []
    const clock = createFakeClock()
    const { outbox, directory } = await openTestOutbox({
      clock,
      readFacts(database) {
        if (full) probes.push(clock.monotonic())
        if (full) throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' })
        database.pragma('max_page_count = 50')
        return readFacts(database)
      },
    })
    full = true
    await expect(outbox.accept(newReturn('big', [master], { body: Buffer.alloc(1e6) }))).rejects.toThrow('full')
    await clock.advance(180_000)
    const pauses = probes.slice(1).map((at, n) => at - (probes[n] ?? 0))
    expect(pauses).toEqual([2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000, 30_000])

    full = false
    await clock.advance(30_000)
    expect(outbox.status().unavailable).toBe(null)
    await outbox.accept(newReturn('after'))
    expect(outbox.list({}).map(({ jid }) => jid)).toEqual(['after'])
    await outbox.close()
    expect(imbalances(directory)).toEqual([])
  })

  test('that is full again as soon as it can be written is not probed from the start each time: a probe reads every page', async () => {
    const probes: number[] = []
    const clock = createFakeClock()
    const { outbox } = await openTestOutbox({
      clock,
      readFacts(database) {
        probes.push(clock.monotonic())
        database.pragma('max_page_count = 50')
        return readFacts(database)
      },
    })
    const fill = () => expect(outbox.accept(newReturn('big', [master], { body: Buffer.alloc(1e6) }))).rejects.toThrow('full')
    await fill()
    for (let second = 0; second < 60; second += 1) {
      await clock.advance(1000)
      if (outbox.status().unavailable === null) await fill()
    }
    const pauses = probes.slice(1).map((at, n) => at - (probes[n] ?? 0))
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000])

    // It stays full for that long, and is well for longer: the next time is another one.
    await clock.advance(60_000)
    expect(outbox.status().unavailable).toBe(null)
    await fill()
    await clock.advance(1000)
    expect(outbox.status().unavailable).toBe(null)
    await outbox.close()
  })

  test('at start is no reason to fail: the outbox opens, says so, and comes to life later', async () => {
    const disk = smallDisk(3)
    const { outbox, clock } = await openTestOutbox({ readFacts: disk.read })
    const told: (string | null)[] = []
    outbox.onAvailability((reason) => told.push(reason))

    expect(told).toEqual(['database or disk is full (SQLITE_FULL)'])
    expect(outbox.unfinished()).toEqual([])
    await expect(outbox.accept(newReturn('1'))).rejects.toBeInstanceOf(StoreUnavailableError)
    disk.pages = 100_000
    await clock.advance(1000)
    expect(told.at(-1)).toBe(null)
    await outbox.accept(newReturn('2'))
    expect(outbox.findReturn('2')).not.toBe(null)
    await outbox.close()
  })
})

describe('an error of the disk under a running store', () => {
  test.each([
    ['an fsync that fails', 'fsync:error=EIO:when=30'],
    ['an fsync that fails again and again', 'fsync:error=EIO:when=30..34'],
    ['a write that fails', 'pwrite64:error=EIO:when=120'],
    ['a disk that is full for a while', 'pwrite64:error=ENOSPC:when=150..180'],
    ['a file system that became read-only', 'pwrite64:error=EROFS:when=200..203'],
  ])('%s: nothing promised is missing, and the store goes on', async (_what, injection) => {
    const directory = newDirectory()
    const run = await trace(program, [directory, '14', '5'], [injection])

    expect(run.stderr).toBe('')
    expect(run.exitCode).toBe(0)
    expect(run.calls.some((call) => call.failed && call.path.startsWith(directory))).toBe(true)
    expect(run.reported).toContain('rejected StoreUnavailableError')
    expect(run.reported.lastIndexOf('accepted')).toBeGreaterThan(run.reported.lastIndexOf('rejected'))
    expect(imbalances(directory)).toEqual([])
    expect(withCopy(directory, (database) => brokenPromises(database, parsePromises(run.reported)))).toEqual([])
  })

  test('after an fsync error the connection is thrown away, and nothing is promised on the old WAL', async () => {
    const { directory, database, wal } = storePaths(newDirectory())
    const run = await trace(program, [directory, '14', '5'], ['fsync:error=EIO:when=40'])
    const failed = run.calls.findIndex((call) => call.call === 'sync' && call.failed)
    const after = run.calls.slice(failed + 1)
    const promised = after.findIndex((call) => /^(new|started|accepted|settled) /.test(call.report ?? ''))
    const between = after.slice(0, promised)

    expect(run.calls[failed]?.path).toBe(wal)
    expect(promised).toBeGreaterThan(0)
    expect(between.some(({ call, path }) => call === 'close' && path === wal)).toBe(true)
    expect(between.some(({ call, path }) => call === 'open' && path === database)).toBe(true)
    // All that was in the WAL went into the database, with a sync of its own, before anything new was promised.
    const rest = between.slice(between.findIndex(({ call, path }) => call === 'write' && path === database))
    expect(rest.some(({ call, path, failed: bad }) => call === 'sync' && path === database && !bad)).toBe(true)
  })
})

/** A disk on which reading some tables fails while `broken`. */
function unreadable(tables: RegExp): { broken: boolean; read: typeof readFacts } {
  const disk = {
    broken: false,
    read: ((database) => {
      const prepare = database.prepare.bind(database)
      database.prepare = ((source: string) => {
        const statement = prepare(source)
        const get = statement.get.bind(statement)
        statement.get = (...values) => {
          if (disk.broken && tables.test(source)) throw Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR_READ' })
          return get(...values)
        }
        return statement
      }) as typeof database.prepare
      return readFacts(database)
    }) satisfies typeof readFacts,
  }
  return disk
}

describe('a disk that cannot be read', () => {
  test('found by the look at the ages is an outage, not an exception in a timer', async () => {
    const disk = unreadable(/FROM kept/)
    const { outbox, clock } = await openTestOutbox({ readFacts: disk.read })
    await outbox.accept(newReturn('1', []))
    disk.broken = true

    await clock.advance(60_000)

    expect(outbox.status().unavailable).toContain('disk I/O error')
    disk.broken = false
    await clock.advance(60_000)
    expect(outbox.status().unavailable).toBe(null)
    await outbox.close()
  })

  test('still gives a status, which says so', async () => {
    const disk = unreadable(/count\(\*\) FROM returns/)
    const { outbox } = await openTestOutbox({ readFacts: disk.read })
    await outbox.accept(newReturn('1'))
    disk.broken = true

    expect(outbox.status()).toMatchObject({ returns: 0, unavailable: expect.stringContaining('disk I/O error') })
    await outbox.close()
  })
})

test('a store that is damaged when it comes back is found out, before anything rests on it', async () => {
  const before = await openTestOutbox()
  const { clock, directory } = before
  await Promise.all(Array.from({ length: 500 }, (_, n) => before.outbox.accept(newReturn(`${n}`, [master], { body: Buffer.alloc(2000) }))))
  await before.outbox.close()
  const [page = 0, pages] = withCopy(directory, (database) => [
    // One of the bodies', where nothing looks at start.
    database.prepare<[], number>("SELECT pageno FROM dbstat WHERE name = 'returns' AND pagetype = 'leaf' ORDER BY path LIMIT 1 OFFSET 50").pluck().get(),
    Number(database.pragma('page_count', { simple: true })),
  ])
  const disk = smallDisk(pages + 2)
  const { outbox } = await openTestOutbox({ directory, clock, readFacts: disk.read })
  await expect(outbox.accept(newReturn('big', [master], { body: Buffer.alloc(1e6) }))).rejects.toThrow('full')
  disk.pages = 100_000
  const { database } = storePaths(directory)
  const content = readFileSync(database)
  writeFileSync(database, content.fill(0xa5, (page - 1) * pageSize, page * pageSize))

  await clock.advance(1000)

  expect(outbox.status()).toMatchObject({ unavailable: null, destinations: [{ accepted: 500, queued: 0, lost: 500 }] })
  expect(readdirSync(directory).filter((name) => /damaged.*db$/.test(name))).toHaveLength(1)
  await outbox.close()
})

test('a closed outbox says that it is closed', async () => {
  const { outbox } = await openTestOutbox()
  await outbox.close()

  await expect(outbox.accept(newReturn('1'))).rejects.toThrow('it is closed')
  await outbox.close()
})
