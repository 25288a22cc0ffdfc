/** What the drivers alone do: the same rows in batches of the same size, each made durable before the next. */
import { open } from 'node:fs/promises'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { Redis } from 'ioredis'
import mysql from 'mysql2/promise'
import pg from 'pg'
import type { MariaDb } from '../../../test/servers/lib/mariadb.ts'
import type { Postgres } from '../../../test/servers/lib/postgres.ts'
import type { Server } from '../../../test/servers/lib/server.ts'
import { sampleReturn } from './path.ts'

/** One open connection that stores a batch of rows. */
export interface Bare {
  store(rows: Row[]): Promise<void>
  close(): Promise<void>
}

export interface Row {
  fun: string
  jid: string
  value: string
  id: string
  success: string
  whole: string
}

/** The rows of so many returns. */
export function rowsFrom(first: number, count: number): Row[] {
  return Array.from({ length: count }, (_, index) => {
    const ret = sampleReturn(first + index)
    return { fun: 'state.apply', jid: ret.jid, value: JSON.stringify(ret.return), id: ret.id, success: 'True', whole: JSON.stringify(ret) }
  })
}

const columns = (rows: readonly Row[]): string[][] => (['fun', 'jid', 'value', 'id', 'success', 'whole'] as const).map((name) => rows.map((row) => row[name]))

/** A transaction with one insert of all rows. */
export async function barePostgres({ host, port, user, password, database }: Postgres): Promise<Bare> {
  const client = new pg.Client({ host, port, user, password, database })
  await client.connect()
  return {
    async store(rows) {
      await client.query('BEGIN')
      await client.query(
        `INSERT INTO salt_returns (fun, jid, return, id, success, full_ret)
         SELECT * FROM unnest($1::text[], $2::text[], $3::jsonb[], $4::text[], $5::text[], $6::jsonb[])`,
        columns(rows),
      )
      await client.query('COMMIT')
    },
    close: () => client.end(),
  }
}

export async function bareMariaDb({ host, port, user, password, database }: MariaDb): Promise<Bare> {
  const connection = await mysql.createConnection({ host, port, user, password, database })
  return {
    async store(rows) {
      await connection.beginTransaction()
      const values = rows.map((row) => [row.fun, row.jid, row.value, row.id, row.success, row.whole])
      await connection.query('INSERT INTO salt_returns (fun, jid, `return`, id, success, full_ret) VALUES ?', [values])
      await connection.commit()
    },
    close: () => connection.end(),
  }
}

/** The keys of Salt's returner, in one pipeline. */
export async function bareRedis({ host, port }: Server): Promise<Bare> {
  const client = new Redis({ host, port })
  return {
    async store(rows) {
      const pipeline = client.pipeline()
      for (const { jid, id, fun, whole } of rows) {
        pipeline.hset(`ret:${jid}`, id, whole).expire(`ret:${jid}`, 86_400).set(`${id}:${fun}`, jid).sadd('minions', id)
      }
      for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error
    },
    close: async () => client.disconnect(),
  }
}

/** Published together, each with its id, and acknowledged by the stream. */
export async function bareNats({ host, port }: Server): Promise<Bare> {
  const connection = await connect({ servers: `${host}:${port}` })
  const manager = await jetstreamManager(connection)
  await manager.streams.add({ name: 'BARE', subjects: ['bare.>'] })
  const stream = jetstream(connection)
  return {
    async store(rows) {
      await Promise.all(rows.map(({ jid, id, whole }) => stream.publish(`bare.${id}`, whole, { msgID: `${jid}/${id}` })))
    },
    close: () => connection.close(),
  }
}

/** Appended and synced, a batch at a time. */
export async function bareFile(path: string): Promise<Bare> {
  const file = await open(path, 'a')
  return {
    async store(rows) {
      await file.appendFile(rows.map(({ whole }) => `${whole}\n`).join(''))
      await file.datasync()
    },
    close: () => file.close(),
  }
}
