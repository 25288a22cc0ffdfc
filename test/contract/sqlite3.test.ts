import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import type { ReturnRecord } from '../../returners/contract.ts'
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
    return {
      options: { database },
      async readBack() {
        const connection = new Database(database, { readonly: true })
        try {
          const rows = connection.prepare<[], { full_ret: string }>('SELECT full_ret FROM salt_returns').all()
          return rows.map((row) => JSON.parse(row.full_ret) as ReturnRecord)
        } finally {
          connection.close()
        }
      },
      teardown: () => rm(directory, { recursive: true }),
    }
  },
})
