import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import type { ReturnRecord, SaltEvent } from '../../returners/contract.ts'
import definition from '../../returners/sqlite3/index.ts'
import { testReturner } from '../../returners/testing.ts'

let writer: Database.Database | undefined

testReturner({
  definition,
  runner: { describe, test, expect },
  wrongOptions: [
    { options: {}, message: /database: missing: expected text/ },
    { options: { database: '/tmp/x', timeout: 'soon' }, message: /timeout: expected a number/ },
  ],
  async setup() {
    const directory = await mkdtemp(join(tmpdir(), 'brine-sqlite3-'))
    const database = join(directory, 'returns.db')
    const read = <Row>(query: string): Row[] => {
      const connection = new Database(database, { readonly: true })
      try {
        return connection.prepare<[], Row>(query).all()
      } finally {
        connection.close()
      }
    }
    const texts = () => read<{ full_ret: string }>('SELECT full_ret FROM salt_returns').map((row) => row.full_ret)
    return {
      options: { database, timeout: 0.2 },
      directory,
      readBack: async () => texts().map((text) => JSON.parse(text) as ReturnRecord),
      readTexts: async () => texts(),
      async readEvents() {
        return read<{ tag: string; data: string }>('SELECT tag, data FROM salt_events').map(({ tag, data }) => ({ tag, data: JSON.parse(data) as SaltEvent['data'] }))
      },
      teardown: () => rm(directory, { recursive: true }),
      /** What another program does with the file. */
      beside(work: (connection: Database.Database) => void) {
        const connection = new Database(database)
        work(connection)
        return connection
      },
    }
  },
  failures: [
    {
      name: 'another program writes for longer than it may wait', kind: 'retry', message: /database is locked \(SQLITE_BUSY\)/, whileOpen: true,
      async provoke({ options, beside }) {
        writer = beside((connection) => connection.exec('BEGIN IMMEDIATE'))
        return { options }
      },
      mend: async () => void writer?.close(),
    },
    {
      name: 'its directory is not there', kind: 'operator', message: /no.such.*directory does not exist/,
      provoke: async ({ options, directory }) => ({ options: { ...options, database: join(directory, 'no such', 'returns.db') } }),
    },
    {
      name: 'it is no database', kind: 'operator', message: /file is not a database/,
      provoke: async ({ directory }) => (await writeFile(join(directory, 'returns.db'), 'x'.repeat(8192)), {}),
      mend: ({ directory }) => rm(join(directory, 'returns.db')),
    },
    {
      name: 'its table has other columns', kind: 'operator', message: /no (such )?column/,
      provoke: async ({ beside }) => (beside((connection) => connection.exec('CREATE TABLE salt_returns (jid TEXT, id TEXT, fun TEXT)')).close(), {}),
      mend: async ({ beside }) => void beside((connection) => connection.exec('DROP TABLE salt_returns')).close(),
    },
  ],
})
