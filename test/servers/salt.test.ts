import { expect, test } from 'vitest'
import type { ReturnerDefinition } from '../../returners/contract.ts'
import mysqlReturner from '../../returners/mysql/index.ts'
import pgjsonbReturner from '../../returners/pgjsonb/index.ts'
import postgresReturner from '../../returners/postgres/index.ts'
import redisReturner from '../../returners/redis/index.ts'
import { sampleItem, sampleReturn } from '../../returners/testing.ts'
import { describeServer } from './lib/describe-server.ts'
import { startMariaDb } from './lib/mariadb.ts'
import { mysqlQuery, SALT_MYSQL } from './lib/mysql-client.ts'
import { never, openReturner } from './lib/open-returner.ts'
import { pgQuery, SALT_PGJSONB, SALT_POSTGRES } from './lib/pg-client.ts'
import { startPostgres } from './lib/postgres.ts'
import { startRedis } from './lib/redis.ts'
import { callSalt, saltMissing } from './lib/salt-module.ts'
import type { Server } from './lib/server.ts'

/** One of ours, with Salt's module of the same name and how each is led to the server. */
interface Pair<Options> {
  definition: ReturnerDefinition<Options>
  module: string
  options: Record<string, unknown>
  saltOptions: Record<string, unknown>
  /** Salt's own `get_fun` does not work in all of its modules. */
  saltHasFunctions: boolean
}

const ours = '20250101000000000001'
const theirs = '20250101000000000002'
const load = { fun: 'state.apply', arg: ['wéb', { __kwarg__: true, test: true }], tgt: 'web*', tgt_type: 'glob', user: 'root', ret: '' }
const value = { 'file_|-motd_|-/etc/motd_|-managed': { result: true, changes: { diff: '--- \n+++ żółć' }, __run_num__: 0, duration: 1.5 } }
const listed = { Arguments: load.arg, Function: 'state.apply', Target: 'web*', 'Target-type': 'glob', User: 'root' }
const retOf = (jid: string, id: string) => sampleReturn(jid, { id, fun: 'state.apply', fun_args: ['web'], return: value })

async function oursThenTheirs<Options>({ definition, module, options, saltOptions, saltHasFunctions }: Pair<Options>): Promise<void> {
  const handle = await openReturner(definition, options)
  try {
    await handle.saveLoad?.(ours, { ...load, jid: ours }, ['web1', 'web2'])
    for (const id of ['web1', 'web2']) await handle.returner([sampleItem(retOf(ours, id))], never)

    const read = await callSalt(module, saltOptions, [
      ['get_load', [ours]], ['get_jid', [ours]], ['get_jids', []], ['get_minions', []], ...(saltHasFunctions ? [['get_fun', ['state.apply']] as [string, unknown[]]] : []),
    ])
    const returns = { web1: retOf(ours, 'web1'), web2: retOf(ours, 'web2') }
    expect(read[0]).toMatchObject({ ...load, jid: ours, Minions: ['web1', 'web2'] })
    expect(read[1]).toEqual(returns)
    expect(read[2]).toEqual({ [ours]: expect.objectContaining(listed) as unknown })
    expect((read[3] as string[]).toSorted()).toEqual(['web1', 'web2'])
    expect(Object.keys(read[4] ?? {}).toSorted()).toEqual(saltHasFunctions ? ['web1', 'web2'] : [])

    await callSalt(module, saltOptions, [['save_load', [theirs, { ...load, jid: theirs }]], ['returner', [retOf(theirs, 'web3')]]])
    expect(await handle.getLoad?.(theirs)).toEqual({ ...load, jid: theirs })
    expect(await handle.getJid?.(theirs)).toEqual({ web3: retOf(theirs, 'web3') })
    expect(Object.keys((await handle.getJids?.()) ?? {}).toSorted()).toEqual([ours, theirs])
    expect((await handle.getMinions?.())?.toSorted()).toEqual(['web1', 'web2', 'web3'])
    expect(Object.keys((await handle.getFun?.('state.apply')) ?? {}).toSorted()).toEqual(['web1', 'web2', 'web3'])
  } finally {
    await handle.close()
  }
}

const title = (server: string) => `${server}, beside Salt's own module`

describeServer({ returner: 'pgjsonb', title: title('PostgreSQL'), program: 'postgres', start: startPostgres, missing: saltMissing }, (server) => {
  test('each reads what the other wrote', async () => {
    await pgQuery(server(), SALT_PGJSONB)
    const options = { ...address(server()), user: server().user, pass: server().password, db: server().database }
    await oursThenTheirs({ definition: pgjsonbReturner, module: 'pgjsonb', options, saltOptions: prefixed('returner.pgjsonb', options), saltHasFunctions: false })
  })
})

describeServer({ returner: 'postgres', title: title('PostgreSQL'), program: 'postgres', start: startPostgres, missing: saltMissing }, (server) => {
  test('each reads what the other wrote', async () => {
    await pgQuery(server(), SALT_POSTGRES)
    const options = { ...address(server()), user: server().user, passwd: server().password, db: server().database }
    await oursThenTheirs({ definition: postgresReturner, module: 'postgres', options, saltOptions: prefixed('returner.postgres', options), saltHasFunctions: false })
  })
})

describeServer({ returner: 'mysql', title: title('MariaDB'), program: 'mariadb', start: startMariaDb, missing: saltMissing }, (server) => {
  test('each reads what the other wrote', async () => {
    await mysqlQuery(server(), SALT_MYSQL)
    const options = { ...address(server()), user: server().user, pass: server().password, db: server().database }
    await oursThenTheirs({ definition: mysqlReturner, module: 'mysql', options, saltOptions: prefixed('mysql', options), saltHasFunctions: true })
  })
})

describeServer({ returner: 'redis', title: title('Redis'), program: 'redis', start: () => startRedis(), missing: saltMissing }, (server) => {
  test('each reads what the other wrote', async () => {
    const options = { ...address(server()), db: '0' }
    await oursThenTheirs({ definition: redisReturner, module: 'redis_return', options, saltOptions: prefixed('redis', options), saltHasFunctions: false })
  })
})

function address({ host, port }: Server): { host: string; port: number } {
  return { host, port }
}

function prefixed(prefix: string, options: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).map(([name, one]) => [`${prefix}.${name}`, one]))
}
