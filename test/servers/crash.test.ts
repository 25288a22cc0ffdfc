import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import mysqlReturner from '../../returners/mysql/index.ts'
import pgjsonbReturner from '../../returners/pgjsonb/index.ts'
import postgresReturner from '../../returners/postgres/index.ts'
import { until } from '../helpers/until.ts'
import { startWholeSite } from '../helpers/whole-site.ts'
import { describeServer } from './lib/describe-server.ts'
import { startMariaDb } from './lib/mariadb.ts'
import { mysqlQuery } from './lib/mysql-client.ts'
import { checkReturner } from './lib/open-returner.ts'
import { pgQuery } from './lib/pg-client.ts'
import { startPostgres } from './lib/postgres.ts'
import { startRedis } from './lib/redis.ts'
import type { Server } from './lib/server.ts'

/** One answer for each return that is stored; the same one twice when it is there twice. */
type Stored = () => Promise<number[]>

const ROUNDS = 3
const JOBS = 25

/**
 * A whole agent whose returns go to a server that is killed while it stores them, and comes back: each is there in the end, once.
 *
 * @param stored what the jobs answered, as far as the server has it
 */
async function survive(server: Server, returner: string, options: Record<string, unknown>, stored: Stored): Promise<void> {
  const site = await startWholeSite({
    minions: { web1: [`return: ${returner}`, `${returner}: ${JSON.stringify(options)}`, 'delivery: {backoff_base: 100ms, backoff_cap: 300ms}', 'returner_host: {restart_backoff_cap: 300ms}'] },
  })
  let sent = 0
  const runJobs = async (jobs: number) => {
    for (let job = 0; job < jobs; job += 1) {
      sent += 1
      await site.run('test.echo', [sent])
    }
  }
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = sent
      const running = runJobs(JOBS)
      // In the middle of it: some of this round are stored, most are not.
      await until(async () => (await stored()).length > before, 'the first of the round is stored', 30_000)
      await server.kill()
      await running
      await runJobs(5)
      await server.revive()
    }
    await until(async () => new Set(await stored()).size === sent, 'everything is stored', 60_000)
    expect((await stored()).toSorted((one, other) => one - other)).toEqual(Array.from({ length: sent }, (_, index) => index + 1))
  } finally {
    await site.close()
  }
}

for (const [definition, password] of [[pgjsonbReturner, 'pass'], [postgresReturner, 'passwd']] as const) {
  const { name } = definition
  describeServer({ returner: name, title: 'PostgreSQL, killed and brought back under a whole agent', program: 'postgres', start: startPostgres }, (server) => {
    test('nothing is lost, nothing is doubled', async () => {
      const options = { host: server().host, port: server().port, user: server().user, [password]: server().password, db: server().database }
      await (name === 'pgjsonb' ? checkReturner(pgjsonbReturner, options, true) : checkReturner(postgresReturner, options, true))
      await survive(server(), name, options, async () => (await pgQuery<{ n: number }>(server(), 'SELECT return::text::int AS n FROM salt_returns')).map(({ n }) => n))
    }, 180_000)
  })
}

describeServer({ returner: 'mysql', title: 'MariaDB, killed and brought back under a whole agent', program: 'mariadb', start: startMariaDb }, (server) => {
  test('nothing is lost, nothing is doubled', async () => {
    const options = { host: server().host, port: server().port, user: server().user, pass: server().password, db: server().database }
    await checkReturner(mysqlReturner, options, true)
    await survive(server(), 'mysql', options, async () => (await mysqlQuery<{ n: string }>(server(), ['SELECT `return` AS n FROM salt_returns'])).map(({ n }) => Number(n)))
  }, 180_000)
})

describeServer({ returner: 'redis', title: 'Redis, killed and brought back under a whole agent', program: 'redis', start: () => startRedis() }, (server) => {
  test('nothing is lost, nothing is doubled', async () => {
    const stored = async () => {
      const client = new Redis({ host: server().host, port: server().port })
      try {
        const found = await Promise.all((await client.keys('ret:*')).map((key) => client.hvals(key)))
        return found.flat().map((text) => (JSON.parse(text) as { return: number }).return)
      } finally {
        client.disconnect()
      }
    }
    await survive(server(), 'redis', { host: server().host, port: server().port }, stored)
  }, 180_000)
})
