import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import type { ReturnRecord, SaltEvent } from '../../returners/contract.ts'
import definition from '../../returners/sqlite3/index.ts'
import { testReturner } from '../../returners/testing.ts'

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
    return {
      options: { database },
      directory,
      async readBack() {
        return read<{ full_ret: string }>('SELECT full_ret FROM salt_returns').map((row) => JSON.parse(row.full_ret) as ReturnRecord)
      },
      async readEvents() {
        return read<{ tag: string; data: string }>('SELECT tag, data FROM salt_events').map(({ tag, data }) => ({ tag, data: JSON.parse(data) as SaltEvent['data'] }))
      },
      teardown: () => rm(directory, { recursive: true }),
    }
  },
})
