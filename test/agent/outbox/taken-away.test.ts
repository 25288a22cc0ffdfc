import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openOutbox } from '../../../agent/outbox/outbox.ts'
import { StoreUnavailableError } from '../../../agent/outbox/port.ts'
import { storePaths } from '../../../agent/outbox/settings.ts'
import { silentLogger } from '../../../agent/log.ts'
import { createFakeClock } from '../../helpers/fake-clock.ts'
import { drain, imbalances, local, master, newReturn, openTestOutbox, withCopy } from './support.ts'

/** The jids that another process would find after the agent was killed now. */
function jidsOnDisk(directory: string): unknown[] {
  return withCopy(directory, (database) => database.prepare('SELECT jid FROM returns ORDER BY jid').pluck().all())
}

test.each([
  ['the whole directory', (directory: string) => rmSync(directory, { recursive: true })],
  ['the directory, renamed', (directory: string) => renameSync(directory, `${directory}.moved`)],
  ['the database', (directory: string) => rmSync(storePaths(directory).database)],
  ['the WAL', (directory: string) => rmSync(storePaths(directory).wal)],
  ['the lock', (directory: string) => rmSync(storePaths(directory).lock)],
])('%s taken away from a running store is back before the next return is accepted', async (_what, take) => {
  const { outbox, clock, directory } = await openTestOutbox()
  await outbox.accept(newReturn('1', [master, local]))
  take(directory)

  await outbox.accept(newReturn('2'))

  expect(jidsOnDisk(directory)).toEqual(['1', '2'])
  expect(imbalances(directory)).toEqual([])
  expect(statSync(directory).mode & 0o777).toBe(0o700)
  expect(statSync(storePaths(directory).database).mode & 0o777).toBe(0o600)
  await expect(openOutbox({ directory }, { log: silentLogger, clock: createFakeClock() })).rejects.toThrow('is in use by process')
  expect(outbox.status().unavailable).toBe(null)
  expect(await drain(outbox, master.name, clock.now())).toEqual(['1', '2'])
  await outbox.close()
})

test("another's file in the place of the store is set aside, not overwritten", async () => {
  const { outbox, directory } = await openTestOutbox()
  const { database } = storePaths(directory)
  await outbox.accept(newReturn('1'))
  rmSync(database)
  writeFileSync(database, 'a backup that somebody put here')

  await outbox.accept(newReturn('2'))

  expect(jidsOnDisk(directory)).toEqual(['1', '2'])
  const aside = readdirSync(directory).find((name) => /damaged.*db$/.test(name)) ?? ''
  expect(readFileSync(`${directory}/${aside}`, 'utf8')).toBe('a backup that somebody put here')
  await outbox.close()
})

test('a store that cannot be brought back is unavailable until it can', async () => {
  const { outbox, clock, directory } = await openTestOutbox()
  await outbox.accept(newReturn('1'))
  rmSync(directory, { recursive: true })
  // Nothing can be made where this stands.
  writeFileSync(directory, '')

  await expect(outbox.accept(newReturn('2'))).rejects.toBeInstanceOf(StoreUnavailableError)
  expect(outbox.status().unavailable).toContain('cannot be made a private directory')

  rmSync(directory)
  await clock.advance(1000)
  expect(outbox.status().unavailable).toBe(null)
  await outbox.accept(newReturn('3'))
  expect(jidsOnDisk(directory)).toEqual(['3'])
  await outbox.close()
})
