import mysql from 'mysql2/promise'
import type { ReturnRecord, SaltEvent } from '../../../returners/contract.ts'
import { type ReturnerFixture, type TcpProxy, tcpProxy } from '../../../returners/testing.ts'
import type { MariaDb } from './mariadb.ts'

/** Statements, one after the other, as a user who may do everything; the rows of the last. */
export async function mysqlQuery<Row>(server: MariaDb, statements: string[], database = server.database): Promise<Row[]> {
  const connection = await mysql.createConnection({ host: server.host, port: server.port, user: server.user, password: server.password, database })
  try {
    let rows: unknown = []
    for (const statement of statements) [rows] = await connection.query(statement)
    return rows as Row[]
  } finally {
    await connection.end()
  }
}

/** Salt's tables as Salt's own page of the returner mysql has them: no key that tells two rows of one return apart. */
export const SALT_MYSQL = [
  `CREATE TABLE jids (jid varchar(255) NOT NULL, \`load\` mediumtext NOT NULL, UNIQUE KEY jid (jid)) ENGINE=InnoDB DEFAULT CHARSET=utf8`,
  `CREATE TABLE salt_returns (fun varchar(50) NOT NULL, jid varchar(255) NOT NULL, \`return\` mediumtext NOT NULL, id varchar(255) NOT NULL,
    success varchar(10) NOT NULL, full_ret mediumtext NOT NULL, alter_time TIMESTAMP DEFAULT CURRENT_TIMESTAMP, KEY id (id), KEY jid (jid), KEY fun (fun))
    ENGINE=InnoDB DEFAULT CHARSET=utf8`,
  `CREATE TABLE salt_events (id BIGINT NOT NULL AUTO_INCREMENT, tag varchar(255) NOT NULL, data mediumtext NOT NULL, alter_time TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    master_id varchar(255) NOT NULL, PRIMARY KEY (id), KEY tag (tag)) ENGINE=InnoDB DEFAULT CHARSET=utf8`,
]

/** The tables and the user of tests about rights go. */
export const CLEAN_MYSQL = [
  'DROP TABLE IF EXISTS salt_returns, jids, salt_events, salt_returns_archive, jids_archive, salt_events_archive',
  "DROP USER IF EXISTS other@'%'",
]

/** A database with empty tables behind a proxy. */
export interface MysqlFixture extends ReturnerFixture {
  proxy: TcpProxy
  sql(...statements: string[]): Promise<unknown[]>
}

/** Empty tables, and options that lead to them through a proxy. */
export async function mysqlFixture(server: MariaDb, ddl: string[]): Promise<MysqlFixture> {
  const { host, port, user, database, password } = server
  await mysqlQuery(server, [...CLEAN_MYSQL, ...ddl])
  const proxy = await tcpProxy({ host, port })
  const readTexts = async () => (await mysqlQuery<{ full_ret: string }>(server, ['SELECT full_ret FROM salt_returns'])).map((row) => row.full_ret)
  return {
    options: { host, port: proxy.port, user, db: database, pass: password, timeout: 20, connect_timeout: 5 },
    proxy,
    sql: (...statements) => mysqlQuery(server, statements),
    readBack: async () => (await readTexts()).map((text) => JSON.parse(text) as ReturnRecord),
    readTexts,
    async readEvents() {
      const rows = await mysqlQuery<{ tag: string; data: string }>(server, ['SELECT tag, data FROM salt_events'])
      return rows.map(({ tag, data }) => ({ tag, data: JSON.parse(data) as SaltEvent['data'] }))
    },
    teardown: () => proxy.close(),
  }
}
