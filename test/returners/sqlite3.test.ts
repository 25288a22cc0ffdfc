import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import definition from '../../returners/sqlite3/index.ts'
import { sampleContext, sampleItem, sampleReturn } from '../../returners/testing.ts'

const never = new AbortController().signal
const jid = '20250101000000000001'
const now = Date.UTC(2025, 0, 10)
let directory: string
let database: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'brine-sqlite3-'))
  database = join(directory, 'returns.db')
})

afterEach(async () => {
  await rm(directory, { recursive: true })
})

const open = async (timeout = 0.1, at = now) => definition.open({ database, timeout }, sampleContext({ now: () => at }))

/** Runs SQL beside the returner, as another program would. */
function beside<T>(work: (connection: Database.Database) => T): T {
  const connection = new Database(database)
  try {
    return work(connection)
  } finally {
    connection.close()
  }
}

/** The tables as Salt's documentation has them: no unique pair, no NOT NULL on the names. */
const saltTables = `
  CREATE TABLE jids (jid TEXT PRIMARY KEY, load TEXT NOT NULL);
  CREATE TABLE salt_returns (fun TEXT KEY, jid TEXT KEY, id TEXT KEY, fun_args TEXT, date TEXT NOT NULL, full_ret TEXT NOT NULL, success TEXT NOT NULL);`

test("writes Salt's columns", async () => {
  const handle = await open()
  await handle.returner([sampleItem(sampleReturn(jid, { fun: 'test.echo', fun_args: ['a'], return: 'a' })), sampleItem(sampleReturn(jid, { id: 'b', success: false }))], never)
  await handle.close()

  expect(beside((connection) => connection.prepare('SELECT * FROM salt_returns ORDER BY id').all())).toEqual([
    { fun: 'test.ping', jid, id: 'b', fun_args: null, date: '2025-01-10 00:00:00.000000', full_ret: expect.stringContaining('"success":false'), success: '0' },
    { fun: 'test.echo', jid, id: 'minion', fun_args: '["a"]', date: '2025-01-10 00:00:00.000000', full_ret: expect.stringContaining('"return":"a"'), success: '1' },
  ])
})

test('is durable: WAL, and every commit synced', async () => {
  const handle = await open()
  await handle.close()

  expect(beside((connection) => connection.pragma('journal_mode', { simple: true }))).toBe('wal')
})

describe("on a database of Salt's", () => {
  beforeEach(() => {
    beside((connection) => {
      connection.exec(saltTables)
      const insert = connection.prepare('INSERT INTO salt_returns VALUES (?, ?, ?, ?, ?, ?, ?)')
      insert.run('test.ping', jid, 'old', '', '2025-01-01 00:00:00.000001', 'true', '1')
      insert.run('test.ping', jid, 'twice', null, '2025-01-01 00:00:00.000001', '"first"', '1')
      insert.run('test.ping', jid, 'twice', null, '2025-01-01 00:00:00.000002', '"second"', '0')
    })
  })

  test('reads its rows and writes beside them', async () => {
    const handle = await open()
    await handle.returner([sampleItem(sampleReturn(jid, { id: 'new' }))], never)

    const job = await handle.getJid?.(jid)
    await handle.close()

    expect(job).toEqual({
      old: { jid, id: 'old', fun: 'test.ping', fun_args: [], return: true, retcode: 0, success: true },
      twice: { jid, id: 'twice', fun: 'test.ping', fun_args: [], return: 'second', retcode: 1, success: false },
      new: sampleReturn(jid, { id: 'new' }),
    })
  })

  test('a pair that is there twice stays readable after a re-send', async () => {
    const handle = await open()
    const ret = sampleReturn(jid, { id: 'twice', return: 'third' })
    await handle.returner([sampleItem(ret)], never)

    expect(await handle.getJid?.(jid)).toMatchObject({ twice: ret })
    await handle.close()
  })
})

test('a re-send from two processes at once leaves one row', async () => {
  const handles = await Promise.all([open(5), open(5)])
  for (let round = 0; round < 20; round += 1) {
    const item = sampleItem(sampleReturn(`2025010100000000${String(round + 1000)}`))
    await Promise.all(handles.map((handle) => handle.returner([item], never)))
  }
  for (const handle of handles) await handle.close()

  expect(beside((connection) => connection.prepare('SELECT count(*) AS rows FROM salt_returns').get())).toEqual({ rows: 20 })
})

test('a batch is stored whole or not at all', async () => {
  const handle = await open()
  beside((connection) => connection.exec(`CREATE TRIGGER refuse BEFORE INSERT ON salt_returns WHEN NEW.id = 'bad' BEGIN SELECT RAISE(ABORT, 'bad minion'); END`))

  const items = ['good', 'bad'].map((id) => sampleItem(sampleReturn(jid, { id })))
  await expect(handle.returner(items, never)).rejects.toMatchObject({ name: 'PermanentError', message: expect.stringMatching(/bad minion/) })

  expect(await handle.getMinions?.()).toEqual([])
  await handle.close()
})

describe('failures', () => {
  test('a locked database is tried again', async () => {
    const handle = await open()
    const other = new Database(database)
    other.exec('BEGIN IMMEDIATE')

    await expect(handle.returner([sampleItem(sampleReturn(jid))], never)).rejects.toMatchObject({
      name: 'Error', message: expect.stringMatching(/SQLITE_BUSY/),
    })

    other.exec('ROLLBACK')
    other.close()
    await handle.close()
  })

  test.each([
    ['no directory', async () => void (database = join(directory, 'none', 'x.db'))],
    ['no database', () => writeFile(database, 'this is no database, and long enough to be looked at as one'.repeat(20))],
    ['a directory', async () => void (database = directory)],
    ['other columns', async () => beside((connection) => connection.exec('CREATE TABLE salt_returns (something TEXT)'))],
  ])('%s is for an operator', async (_name, spoil) => {
    await spoil()

    await expect(open()).rejects.toMatchObject({ name: 'OperatorError' })
  })
})

test('removes what is older, and keeps the rest', async () => {
  const old = await open(0.1, Date.UTC(2025, 0, 1))
  await old.saveLoad?.('20250101000000000000', { fun: 'old' })
  await old.returner([sampleItem(sampleReturn('20250101000000000000'))], never)
  await old.close()
  const handle = await open()
  await handle.saveLoad?.('20250109230000000000', { fun: 'new' })
  await handle.returner([sampleItem(sampleReturn('20250109230000000000'))], never)

  await handle.cleanOldJobs?.(86_400)

  expect(Object.keys((await handle.getJids?.()) ?? {})).toEqual(['20250109230000000000'])
  expect(await handle.getJid?.('20250101000000000000')).toEqual({})
  expect(await handle.getJid?.('20250109230000000000')).not.toEqual({})
  await handle.close()
})

test('keeps events', async () => {
  const handle = await open()
  await handle.eventReturn?.([{ tag: 'salt/auth', data: { id: 'x' } }])
  await handle.close()

  expect(beside((connection) => connection.prepare('SELECT tag, data, master_id FROM salt_events').all())).toEqual([
    { tag: 'salt/auth', data: '{"id":"x"}', master_id: 'minion' },
  ])
})

describe('the look at its file', () => {
  const look = (create = false) => definition.check?.({ database, timeout: 0.1 }, sampleContext(), { create }) ?? expect.fail('no check')

  test('says what the first return makes, and changes nothing', async () => {
    expect(await look()).toEqual([{ kind: 'advice', text: `${database} is not there yet: the first return makes it, with its tables` }])
    expect(existsSync(database)).toBe(false)
  })

  test('makes the tables now where that is asked for, and finds nothing amiss then', async () => {
    expect(await look(true)).toEqual(['salt_returns', 'jids', 'salt_events'].map((table) => ({ kind: 'made', text: `the table ${table}` })))
    expect(await look()).toEqual([])
  })

  test("takes a database of Salt's as it is", async () => {
    beside((connection) => connection.exec(saltTables))
    expect(await look()).toEqual([{ kind: 'advice', text: 'the table salt_events is not there yet: the first return makes it' }])
  })

  test('names the columns that a table lacks', async () => {
    beside((connection) => connection.exec('CREATE TABLE salt_returns (jid TEXT, id TEXT, fun TEXT, full_ret TEXT)'))
    expect(await look()).toContainEqual({ kind: 'missing', text: `columns of the table salt_returns in ${database}: fun_args, date, success` })
  })

  test('needs an operator where the file is no database', async () => {
    await writeFile(database, 'no database at all, whatever its name says')
    await expect(look()).rejects.toMatchObject({ code: 'BRINE_OPERATOR', message: expect.stringContaining(database) })
  })
})
