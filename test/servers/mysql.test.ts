import mysql from 'mysql2/promise'
import { describe, expect, test } from 'vitest'
import definition from '../../returners/mysql/index.ts'
import { schema } from '../../returners/mysql/schema.ts'
import { type FailureCase, sampleBatch, sampleItem, sampleReturn, testReturner } from '../../returners/testing.ts'
import { describeServer } from './lib/describe-server.ts'
import { startMariaDb } from './lib/mariadb.ts'
import { CLEAN_MYSQL, type MysqlFixture, mysqlFixture, mysqlQuery, SALT_MYSQL } from './lib/mysql-client.ts'
import { checkReturner, never, openReturner } from './lib/open-returner.ts'

describeServer({ returner: 'mysql', program: 'mariadb', start: startMariaDb }, (server) => {
  const ours = Object.values(schema).flat()

  const withOptions = (changed: Record<string, unknown>): FailureCase<MysqlFixture>['provoke'] => async ({ options }) => ({ options: { ...options, ...changed } })
  const after = (statements: string[], changed: Record<string, unknown> = {}): FailureCase<MysqlFixture>['provoke'] => async ({ sql, options }) => {
    await sql(...statements)
    return { options: { ...options, ...changed } }
  }
  const run = (...statements: string[]) => async ({ sql }: MysqlFixture) => void (await sql(...statements))
  const other = { user: 'other', pass: 'other-secret' }
  const makeOther = "CREATE USER other@'%' IDENTIFIED BY 'other-secret'"

  let held: mysql.Connection | undefined
  const failures: FailureCase<MysqlFixture>[] = [
    { name: 'the server dies while it is open', kind: 'retry', whileOpen: true, provoke: async () => (await server().kill(), {}), mend: () => server().revive() },
    { name: 'the server is down', kind: 'retry', provoke: async () => (await server().kill(), {}), mend: () => server().revive() },
    { name: 'the server says nothing', kind: 'retry', message: /no answer within 0.3 s/, provoke: async ({ proxy, options }) => {
      proxy.stall()
      return { options: { ...options, connect_timeout: 0.3 } }
    }, mend: async ({ proxy }) => proxy.mend() },
    { name: 'too many connections', kind: 'retry-after', message: /max_user_connections/, provoke: async (fixture) => {
      const provoked = await after([`${makeOther} WITH MAX_USER_CONNECTIONS 1`, "GRANT ALL ON salt.* TO other@'%'"], other)(fixture)
      held = await mysql.createConnection({ host: server().host, port: server().port, user: 'other', password: 'other-secret' })
      return provoked
    }, mend: async () => held?.end() },
    { name: 'a wrong password', kind: 'operator', message: /Access denied for user 'salt'/, provoke: withOptions({ pass: 'hunter2-wrong' }), mend: async () => {} },
    { name: 'a host that does not exist', kind: 'operator', message: /ENOTFOUND|EAI_AGAIN/, provoke: withOptions({ host: 'no-such-host.invalid' }), mend: async () => {} },
    { name: 'a database that does not exist', kind: 'operator', message: /Unknown database 'nowhere'/, provoke: withOptions({ db: 'nowhere' }), mend: async () => {} },
    { name: 'no right to insert', kind: 'operator', message: /INSERT command denied/, provoke: after([makeOther, "GRANT SELECT ON salt.salt_returns TO other@'%'"], other), mend: run("GRANT INSERT ON salt.salt_returns TO other@'%'") },
    { name: 'a certificate that nobody vouches for', kind: 'operator', message: /certificate/, provoke: withOptions({ ssl: true }), mend: async () => {} },
    { name: 'a table is missing', kind: 'operator', message: /the table salt_returns is missing; "brine returner check mysql --create" makes it/, provoke: after(['DROP TABLE salt_returns']), mend: run(...CLEAN_MYSQL, ...ours) },
    { name: 'the table goes away', kind: 'operator', message: /salt_returns/, whileOpen: true, provoke: after(['DROP TABLE salt_returns']), mend: run(...CLEAN_MYSQL, ...ours) },
    { name: 'a column is missing', kind: 'operator', message: /the column success of the table salt_returns is missing/, provoke: after(['ALTER TABLE salt_returns DROP success']), mend: run(...CLEAN_MYSQL, ...ours) },
    { name: 'a column of the site must be filled', kind: 'operator', message: /'site'/, provoke: after(['ALTER TABLE salt_returns ADD site int NOT NULL']), mend: run(...CLEAN_MYSQL, ...ours) },
    { name: 'a server that only reads', kind: 'operator', message: /--read-only/, provoke: after([makeOther, "GRANT ALL ON salt.* TO other@'%'", 'SET GLOBAL read_only = 1'], other), mend: run('SET GLOBAL read_only = 0') },
    { name: 'a job id that is too long for its column', kind: 'permanent', message: /Data too long for column 'jid'/, provoke: async () => ({ items: [sampleItem(sampleReturn('2'.repeat(300)))] }) },
    { name: 'more than the server takes in one statement', kind: 'permanent', message: /more than its max_allowed_packet \(16777216\)/, provoke: async () => ({ items: [sampleItem(sampleReturn('20250101000000000082', { return: 'x'.repeat(9 * 1024 * 1024) }))] }) },
  ]

  testReturner({
    definition,
    runner: { describe, test, expect },
    // On the tables as Salt's page has them: whoever comes from Salt has these, and they are the harder ones.
    setup: () => mysqlFixture(server(), SALT_MYSQL),
    network: ({ proxy }) => proxy,
    mayRefuse: ['16 MiB of text'],
    wrongOptions: [
      { options: { port: 'much' }, message: /port: expected a port/ },
      { options: { ssl_ca: 'ca.pem' }, message: /ssl_ca: expected an absolute path/ },
    ],
    failures,
  })

  test('with the tables that --create makes and a server that takes it, even 16 MiB are stored', async () => {
    await mysqlQuery(server(), ['SET GLOBAL max_allowed_packet = 67108864'])
    const fixture = await mysqlFixture(server(), [])
    expect((await checkReturner(definition, fixture.options, true)).map(({ kind, text }) => `${kind} ${text}`)).toEqual(
      ['salt_returns', 'jids', 'salt_events'].map((table) => `made the table ${table} with its keys`),
    )
    expect(await checkReturner(definition, fixture.options, false)).toEqual([])
    const handle = await openReturner(definition, fixture.options)
    const large = sampleItem(sampleReturn('20250101000000000083', { return: 'x'.repeat(16 * 1024 * 1024) }))
    await handle.returner([large], never)
    expect((await handle.getJid?.(large.ret.jid))?.['minion']?.return).toHaveLength(16 * 1024 * 1024)
    await handle.close()
    await mysqlQuery(server(), ['SET GLOBAL max_allowed_packet = 16777216'])
    await fixture.teardown?.()
  })

  test('a batch that does not fit one statement is stored in several, all or nothing', async () => {
    const fixture = await mysqlFixture(server(), SALT_MYSQL)
    const handle = await openReturner(definition, fixture.options)
    const batch = sampleBatch(5, 4000).map(({ ret }) => sampleItem({ ...ret, return: 'y'.repeat(3 * 1024 * 1024) }))
    await handle.returner(batch, never)
    await handle.returner(batch, never)
    expect(await fixture.readBack?.()).toHaveLength(5)
    await handle.close()
    await fixture.teardown?.()
  })

  test('minions whose names differ in case or accents alone are kept apart, also where the table does not tell them apart', async () => {
    const fixture = await mysqlFixture(server(), SALT_MYSQL)
    const handle = await openReturner(definition, fixture.options)
    const items = ['web', 'Web', 'wéb'].map((id) => sampleItem(sampleReturn('20250101000000000084', { id, return: id })))
    for (const item of [...items, ...items]) await handle.returner([item], never)
    expect((await fixture.readBack?.())?.map((ret) => ret.return).toSorted()).toEqual(['Web', 'web', 'wéb'])
    expect(Object.keys((await handle.getFun?.('test.ping')) ?? {}).toSorted()).toEqual(['Web', 'web', 'wéb'])
    await handle.close()
    await fixture.teardown?.()
  })

  test('of a batch only what cannot be stored is refused', async () => {
    const fixture = await mysqlFixture(server(), SALT_MYSQL)
    const handle = await openReturner(definition, fixture.options)
    const [first, second, third] = sampleBatch(3, 6000).map(({ ret }, index) => sampleItem(index === 1 ? { ...ret, jid: '3'.repeat(300) } : ret))
    const end = await handle.returner([first, second, third].filter((item) => item !== undefined), never).catch((error: unknown) => error)
    expect(end).toMatchObject({ code: 'BRINE_PARTIAL', stored: [first?.key, third?.key], rejected: [{ key: second?.key, error: expect.stringContaining('too long') }] })
    await handle.close()
    await fixture.teardown?.()
  })

  test('speaks TLS when asked, and verifies name and authority when asked', async () => {
    const { cert } = server().certificate
    const fixture = await mysqlFixture(server(), SALT_MYSQL)
    await fixture.sql(`${makeOther} REQUIRE SSL`, "GRANT ALL ON salt.* TO other@'%'")
    const own = { ...fixture.options, ...other }
    for (const options of [{ ssl: true, ssl_verify_cert: false }, { ssl_ca: cert }, { ssl_ca: cert, ssl_verify_identity: true, host: 'localhost' }]) {
      const handle = await openReturner(definition, { ...own, ...options })
      await handle.returner(sampleBatch(1, 100), never)
      await handle.close()
    }
    expect(await fixture.readBack?.()).toHaveLength(1)
    await expect(openReturner(definition, { ...own, ssl_ca: 'None' })).rejects.toMatchObject({ code: 'BRINE_OPERATOR', message: expect.stringMatching(/Access denied/) })
    await fixture.teardown?.()
  })

  test('a job archive keeps what is cleaned away, nothing in both', async () => {
    const fixture = await mysqlFixture(server(), SALT_MYSQL)
    const handle = await openReturner(definition, { ...fixture.options, archive_jobs: true })
    await handle.saveLoad?.('20200101000000000000', { fun: 'test.ping' })
    await handle.returner(sampleBatch(2, 7000), never)
    await handle.cleanOldJobs?.(-60)
    const counts = await fixture.sql(`SELECT (SELECT COUNT(*) FROM salt_returns) AS returns, (SELECT COUNT(*) FROM salt_returns_archive) AS old,
      (SELECT COUNT(*) FROM jids) AS jids, (SELECT COUNT(*) FROM jids_archive) AS old_jids`)
    expect(counts).toEqual([{ returns: 0, old: 2, jids: 0, old_jids: 1 }])
    await handle.close()
    await fixture.teardown?.()
  })

  test("says of Salt's tables what is worth knowing, and of rights what is missing", async () => {
    const fixture = await mysqlFixture(server(), SALT_MYSQL)
    const notes = (await checkReturner(definition, fixture.options, false)).map(({ kind, text }) => `${kind} ${text}`)
    expect(notes).toEqual([
      expect.stringMatching(/^advice the column fun of salt_returns takes 50 characters/),
      expect.stringMatching(/^advice a return of 16 MiB or more .*ALTER TABLE salt_returns MODIFY `return` longtext NOT NULL, MODIFY `full_ret` longtext NOT NULL$/),
      expect.stringMatching(/^advice there is no key on salt_returns \(jid, id\)/),
      expect.stringMatching(/^advice max_allowed_packet of the server is 16777216/),
    ])
    expect(await checkReturner(definition, fixture.options, true)).toContainEqual({ kind: 'made', text: 'the key brine_returns_key on salt_returns (jid, id)' })
    await fixture.sql(makeOther, "GRANT INSERT ON salt.salt_returns TO other@'%'")
    const rights = await checkReturner(definition, { ...fixture.options, ...other }, false)
    expect(rights.filter(({ kind }) => kind === 'missing')).toEqual([{ kind: 'missing', text: expect.stringMatching(/GRANT SELECT, DELETE ON salt_returns TO 'other'@'%'$/) }])
    await fixture.teardown?.()
  })
})
