import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { setAside as moveAside } from '../../../agent/outbox/damage.ts'
import type { Gap, Outbox } from '../../../agent/outbox/port.ts'
import { silentLogger } from '../../../agent/log.ts'
import { openOutbox } from '../../../agent/outbox/outbox.ts'
import { pageSize, readFacts } from '../../../agent/outbox/database.ts'
import { storePaths } from '../../../agent/outbox/settings.ts'
import { createFakeClock } from '../../helpers/fake-clock.ts'
import { drain, everything, local, master, newDirectory, newReturn, openTestOutbox } from './support.ts'

/** A closed store with this many returns for the master. */
async function closedStore(count: number, size = 1000): Promise<string> {
  const { outbox, directory } = await openTestOutbox()
  await Promise.all(Array.from({ length: count }, (_, n) => outbox.accept(newReturn(`j${n}`, [master], { body: Buffer.alloc(size, `j${n}.`) }))))
  await outbox.close()
  return directory
}

/** Changes the database file while it is closed. */
function edit(directory: string, change: (content: Buffer) => Buffer): void {
  const { database } = storePaths(directory)
  writeFileSync(database, change(readFileSync(database)))
}

const setAside = (directory: string) => readdirSync(directory).filter((name) => /^outbox-damaged-.*\.db$/.test(name))

function expectBalance(outbox: Outbox): void {
  for (const { name, accepted, delivered, queued, dead, dropped, purged, lost } of outbox.status().destinations) {
    expect(delivered + queued + dead + dropped + purged + lost, name).toBe(accepted)
  }
}

describe('a damaged record', () => {
  test('is found before its delivery, counted lost everywhere with a gap, and the others are delivered', async () => {
    const directory = newDirectory()
    const before = await openTestOutbox({ directory })
    for (const jid of ['1', '2', '3']) await before.outbox.accept(newReturn(jid, [master, local], { body: Buffer.from(`body of ${jid}`) }))
    await before.outbox.close()
    edit(directory, (content) => {
      const at = content.lastIndexOf('body of 2')
      content.write('bodY', at)
      return content
    })

    const { outbox, clock } = await openTestOutbox({ directory })
    const gaps: Gap[] = []
    outbox.onGap((gap) => gaps.push(gap))

    expect(await drain(outbox, master.name, clock.now())).toEqual(['1', '3'])
    expect(await drain(outbox, local.name, clock.now())).toEqual(['1', '3'])
    expect(gaps.map(({ destination, reason, count, jids }) => [destination, reason, count, jids])).toEqual([
      ['master:ab', 'lost: its record is damaged', 1, ['2']],
      ['local', 'lost: its record is damaged', 1, ['2']],
    ])
    expect(outbox.status().destinations).toMatchObject([{ accepted: 3, delivered: 2, queued: 0, lost: 1 }, { accepted: 3, delivered: 2, queued: 0, lost: 1 }])
    expect(outbox.findReturn('2')).toBe(null)
    await outbox.close()
  })

  test.each(['body', 'jid', 'fun', 'minion_id', 'success', 'accepted_at'])('is one whose %s changed', async (column) => {
    const directory = await closedStore(1)
    const raw = new Database(storePaths(directory).database)
    const value = { body: "x'00'", success: '0', accepted_at: '5' }[column] ?? "'other'"
    raw.exec(`UPDATE returns SET ${column} = ${value}`)
    raw.close()

    const { outbox, clock } = await openTestOutbox({ directory })
    expect(outbox.claim(everything(outbox, master.name, clock.now()))).toEqual([])
    expect(await drain(outbox, master.name, clock.now())).toEqual([])
    await outbox.accept(newReturn('after'))
    expect(outbox.status().destinations).toMatchObject([{ accepted: 2, queued: 1, lost: 1 }])
    await outbox.close()
  })

  test('whose return is gone altogether is counted too', async () => {
    const directory = await closedStore(3)
    const raw = new Database(storePaths(directory).database)
    raw.exec('DELETE FROM returns WHERE id = 2')
    raw.close()

    const { outbox, clock } = await openTestOutbox({ directory })
    expect(await drain(outbox, master.name, clock.now())).toEqual(['j0', 'j2'])
    expect(outbox.status()).toMatchObject({ destinations: [{ delivered: 2, lost: 1 }], gaps: [{ reason: 'lost: its record is damaged', count: 1, jids: [] }] })
    await outbox.close()
  })

  test('whose loss cannot be written yet is found again when it can', async () => {
    const directory = await closedStore(3)
    const raw = new Database(storePaths(directory).database)
    raw.exec("UPDATE returns SET body = x'00' WHERE jid = 'j1'")
    raw.close()
    let failing = false
    const { outbox, clock } = await openTestOutbox({
      directory,
      readFacts(database) {
        const prepare = database.prepare.bind(database)
        database.prepare = ((source: string) => {
          const statement = prepare(source)
          if (source !== 'BEGIN IMMEDIATE') return statement
          const run = statement.run.bind(statement)
          statement.run = (...values) => {
            if (failing) throw Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR' })
            return run(...values)
          }
          return statement
        }) as typeof database.prepare
        return readFacts(database)
      },
    })
    failing = true
    const claimed = outbox.claim(everything(outbox, master.name, clock.now()))
    await clock.advance(0)
    expect(outbox.status().unavailable).toContain('disk I/O error')
    failing = false
    await clock.advance(1000)

    await outbox.settle(claimed.map(({ deliveryId }) => ({ kind: 'delivered', deliveryId })))
    expect(await drain(outbox, master.name, clock.now())).toEqual([])
    await outbox.accept(newReturn('after'))

    expect(outbox.status().destinations).toMatchObject([{ accepted: 4, delivered: 2, queued: 1, lost: 1 }])
    await outbox.close()
  })

  test('is not shown to an operator as if it were whole', async () => {
    const directory = await closedStore(1)
    const raw = new Database(storePaths(directory).database)
    raw.exec("UPDATE returns SET body = x'00'")
    raw.close()

    const { outbox } = await openTestOutbox({ directory })
    expect(outbox.show(1)).toBe(null)
    await outbox.close()
  })
})

describe('rows that vanished', () => {
  test('are found at start, and counted lost with a gap', async () => {
    const directory = await closedStore(5)
    const raw = new Database(storePaths(directory).database)
    raw.exec('DELETE FROM deliveries WHERE return_id IN (2, 4)')
    raw.close()

    const { outbox } = await openTestOutbox({ directory })
    expect(outbox.status()).toMatchObject({
      destinations: [{ accepted: 5, queued: 3, queuedBytes: 3000, lost: 2 }],
      gaps: [{ destination: 'master:ab', reason: 'lost: the store was damaged', count: 2 }],
    })
    await outbox.close()
  })
})

describe('a damaged store', () => {
  test.each<[string, (content: Buffer) => Buffer]>([
    ['no database at all', () => Buffer.from('this is not a database, however long it may go on like this'.repeat(300))],
    ['its header overwritten', (content) => (content.fill(0xff, 0, 100), content)],
    ['its first page wiped', (content) => (content.fill(0, 0, pageSize), content)],
    ['another application id', (content) => (content.writeUInt32BE(0x12345678, 68), content)],
    ['an absurd schema version', (content) => (content.writeUInt32BE(0x7fffffff, 60), content)],
    ['another auto_vacuum', (content) => (content.writeUInt32BE(0, 52), content)],
    ['cut in the middle', (content) => content.subarray(0, Math.floor(content.length / 2))],
    ['every page but the first wiped', (content) => (content.fill(0xa5, pageSize), content)],
  ])('with %s is set aside whole and replaced; the start does not fail, nor the next', async (_what, change) => {
    const directory = await closedStore(200)
    edit(directory, change)
    const damaged = readFileSync(storePaths(directory).database)

    const { outbox, clock } = await openTestOutbox({ directory })
    await outbox.accept(newReturn('new'))

    expect(setAside(directory)).toHaveLength(1)
    expect(readFileSync(join(directory, setAside(directory)[0] ?? '')).equals(damaged)).toBe(true)
    expect(outbox.status().gaps[0]?.reason).toMatch(/^lost: /)
    expect(outbox.status().unavailable).toBe(null)
    expectBalance(outbox)
    expect(await drain(outbox, master.name, clock.now())).toEqual(['new'])
    await outbox.close()

    const again = await openTestOutbox({ directory })
    expect(setAside(directory)).toHaveLength(1)
    await again.outbox.close()
  })

  test('is refused and left as it is by a look from outside the agent', async () => {
    const directory = await closedStore(3)
    const { database } = storePaths(directory)
    edit(directory, () => Buffer.from('this is no database, but it is long enough to be looked at as one'.repeat(20)))
    const before = readFileSync(database)

    await expect(openOutbox({ directory, damaged: 'refuse' }, { clock: createFakeClock(), log: silentLogger })).rejects.toThrow(/is damaged .*Start the minion/)

    expect(readFileSync(database).equals(before)).toBe(true)
    expect(setAside(directory)).toEqual([])
  })

  test('keeps its WAL beside it under the same name', () => {
    const directory = newDirectory()
    mkdirSync(directory)
    const paths = storePaths(directory)
    writeFileSync(paths.database, 'database')
    writeFileSync(paths.wal, 'wal')

    const target = moveAside(paths, 0)

    expect(target).toBe(join(directory, 'outbox-damaged-19700101T000000000Z.db'))
    expect(readdirSync(directory).toSorted()).toEqual(['outbox-damaged-19700101T000000000Z.db', 'outbox-damaged-19700101T000000000Z.db-wal'])
    expect(readFileSync(`${target}-wal`, 'utf8')).toBe('wal')
  })

  test('whose books can still be read loses in them what was queued, by number', async () => {
    const directory = await closedStore(300)
    const { database } = storePaths(directory)
    const raw = new Database(database)
    const root = Number(raw.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'deliveries'").pluck().get())
    raw.close()
    edit(directory, (content) => (content.fill(0xa5, (root - 1) * pageSize, root * pageSize), content))

    const { outbox } = await openTestOutbox({ directory })
    const gaps: Gap[] = []
    outbox.onGap((gap) => gaps.push(gap))

    expect(outbox.status().destinations).toMatchObject([{ name: 'master:ab', kind: 'master', accepted: 300, queued: 0, lost: 300 }])
    expect(gaps).toMatchObject([{ destination: 'master:ab', reason: 'lost: the store was set aside as damaged', count: 300 }])
    await outbox.close()
  })

  test('that shows its damage while in use is replaced without a restart', async () => {
    const directory = await closedStore(3000)
    // Pages of bodies: nothing reads there at start.
    const raw = new Database(storePaths(directory).database)
    const pages = raw.prepare<[], number>("SELECT pageno FROM dbstat WHERE name = 'returns' AND pagetype = 'leaf' ORDER BY path").pluck().all()
    raw.close()
    edit(directory, (content) => {
      for (const page of pages.slice(400, 600)) content.fill(0xa5, (page - 1) * pageSize, page * pageSize)
      return content
    })
    const { outbox, clock } = await openTestOutbox({ directory })
    expect(setAside(directory)).toEqual([])

    await drain(outbox, master.name, clock.now(), { limit: 50 })

    expect(setAside(directory)).toHaveLength(1)
    const [books] = outbox.status().destinations
    expect(books).toMatchObject({ accepted: 3000, queued: 0 })
    expect(books?.lost).toBeGreaterThan(500)
    expectBalance(outbox)
    await outbox.accept(newReturn('new'))
    expect(await drain(outbox, master.name, clock.now())).toEqual(['new'])
    expect(outbox.status().unavailable).toBe(null)
    await outbox.close()
  })

  test('leaves at most three behind, however often it happens', async () => {
    const directory = newDirectory()
    mkdirSync(directory)
    const clock = createFakeClock()
    const names: string[] = []
    for (let n = 0; n < 5; n += 1) {
      writeFileSync(storePaths(directory).database, `no database ${n}`.repeat(1000))
      const { outbox } = await openTestOutbox({ directory, clock })
      await outbox.close()
      clock.stepWall(1000)
      names.push(...setAside(directory).filter((name) => !names.includes(name)))
    }

    expect(names).toHaveLength(5)
    expect(setAside(directory)).toEqual(names.slice(2))
  })
})
