import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { checkFacts, readFacts, type ConnectionFacts } from '../../../agent/outbox/database.ts'
import { schemaVersion } from '../../../agent/outbox/schema.ts'
import { storePaths } from '../../../agent/outbox/settings.ts'
import { newDirectory, newReturn, openTestOutbox } from './support.ts'

const asAsked: ConnectionFacts = { version: '3.51.3', journalMode: 'wal', synchronous: 2, lockingMode: 'exclusive', autoVacuum: 2 }

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8)

describe('what is in force', () => {
  test('is accepted as asked, from the first SQLite without the WAL-reset bug on', () => {
    expect(() => checkFacts(asAsked)).not.toThrow()
    expect(() => checkFacts({ ...asAsked, version: '3.52.0' })).not.toThrow()
    expect(() => checkFacts({ ...asAsked, version: '4.0.0' })).not.toThrow()
  })

  test.each([
    [{ version: '3.51.2' }, 'SQLite 3.51.2 can lose commits when its WAL is reset; at least 3.51.3 is needed'],
    [{ version: '3.9.99' }, 'SQLite 3.9.99 can lose commits'],
    [{ journalMode: 'delete' }, 'journal_mode delete where wal was asked'],
    [{ synchronous: 1 }, 'synchronous 1 where 2 was asked'],
    [{ lockingMode: 'normal' }, 'locking_mode normal where exclusive was asked'],
    [{ autoVacuum: 0 }, 'auto_vacuum 0, not 2'],
  ])('is refused with the reason when it is %o', (difference, reason) => {
    expect(() => checkFacts({ ...asAsked, ...difference })).toThrow(reason)
  })

  test.each([
    ['an SQLite with the WAL-reset bug', { version: '3.51.2' }, '3.51.2'],
    ['synchronous other than FULL', { synchronous: 1 }, 'synchronous 1'],
    ['a journal other than the WAL', { journalMode: 'memory' }, 'journal_mode memory'],
  ])('is read back at start: the outbox does not open with %s', async (_what, difference, reason) => {
    const directory = newDirectory()
    const opening = openTestOutbox({ directory, readFacts: (database) => ({ ...readFacts(database), ...difference }) })

    await expect(opening).rejects.toThrow(reason)

    const { outbox } = await openTestOutbox({ directory })
    await outbox.close()
  })

  test('is really in force on the connection', async () => {
    let facts: ConnectionFacts | undefined
    const { outbox } = await openTestOutbox({ readFacts: (database) => (facts = readFacts(database)) })

    expect(facts).toMatchObject({ journalMode: 'wal', synchronous: 2, lockingMode: 'exclusive', autoVacuum: 2 })
    await outbox.close()
  })
})

describe('the files', () => {
  test('are private, whatever the umask: the directory 0700, everything in it 0600', async () => {
    const before = process.umask(0)
    try {
      const { outbox, directory } = await openTestOutbox()
      await outbox.accept(newReturn('1'))

      expect(modeOf(directory)).toBe('700')
      const names = readdirSync(directory)
      expect(names.toSorted()).toEqual(['outbox.db', 'outbox.db-wal', 'outbox.lock', 'outbox.pid'])
      for (const name of names) expect(modeOf(`${directory}/${name}`), name).toBe('600')
      await outbox.close()
    } finally {
      process.umask(before)
    }
  })

  test('that were open to others are closed to them', async () => {
    const directory = newDirectory()
    mkdirSync(directory, { mode: 0o755 })
    writeFileSync(storePaths(directory).database, '', { mode: 0o644 })
    chmodSync(storePaths(directory).database, 0o644)
    const { outbox } = await openTestOutbox({ directory })

    expect(modeOf(directory)).toBe('700')
    expect(modeOf(storePaths(directory).database)).toBe('600')
    await outbox.close()
  })

  test('in a place where no directory can be, refuse with the reason', async () => {
    const directory = newDirectory()
    writeFileSync(directory, 'a file')

    await expect(openTestOutbox({ directory })).rejects.toThrow(`${directory} cannot be made a private directory`)
  })
})

describe('a store of another program', () => {
  test('that is newer is refused and left alone', async () => {
    const directory = newDirectory()
    const first = await openTestOutbox({ directory })
    await first.outbox.accept(newReturn('1'))
    await first.outbox.close()
    const database = new Database(storePaths(directory).database)
    database.pragma(`user_version = ${schemaVersion + 1}`)
    database.close()

    await expect(openTestOutbox({ directory })).rejects.toThrow(`version ${schemaVersion + 1}, this program knows ${schemaVersion}`)

    expect(readdirSync(directory).filter((name) => name.includes('damaged'))).toEqual([])
    expect(existsSync(storePaths(directory).database)).toBe(true)
  })

  test('that is not ours is set aside whole', async () => {
    const directory = newDirectory()
    mkdirSync(directory)
    const foreign = new Database(storePaths(directory).database)
    foreign.exec('CREATE TABLE theirs (x); INSERT INTO theirs VALUES (42)')
    foreign.close()

    const { outbox } = await openTestOutbox({ directory })
    await outbox.accept(newReturn('1'))

    const aside = readdirSync(directory).filter((name) => name.includes('damaged'))
    expect(aside).toHaveLength(1)
    const kept = new Database(`${directory}/${aside[0]}`, { readonly: true })
    expect(kept.prepare('SELECT x FROM theirs').pluck().get()).toBe(42)
    kept.close()
    await outbox.close()
  })
})
