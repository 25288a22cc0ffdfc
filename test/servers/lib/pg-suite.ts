import { expect, test } from 'vitest'
import type { ReturnerDefinition, ReturnRecord, SaltEvent } from '../../../returners/contract.ts'
import { type FailureCase, type ReturnerFixture, sampleBatch, sampleItem, sampleReturn, type TcpProxy, tcpProxy } from '../../../returners/testing.ts'
import { checkReturner, never, openReturner } from './open-returner.ts'
import { DROP_ROLE, DROP_TABLES, pgQuery } from './pg-client.ts'
import type { Postgres } from './postgres.ts'

/** A database with empty tables behind a proxy. */
export interface PgFixture extends ReturnerFixture {
  proxy: TcpProxy
  sql(text: string): Promise<unknown>
}

/** What both returners for PostgreSQL are tested with. */
export interface PgSubject {
  server: () => Postgres
  /** The option of the password. */
  password: 'pass' | 'passwd'
  /** Makes the tables. */
  ddl: string
  /** How the returner reads what it wrote. */
  read(text: string): unknown
  /** The same as JSON text; what is in the table when it is not said. */
  exact?(text: string): string
}

/** Empty tables, and options that lead to them through a proxy. */
export async function pgFixture({ server, password, ddl, read, exact = (text) => text }: PgSubject): Promise<PgFixture> {
  const { host, port, user, database, password: secret } = server()
  await pgQuery(server(), `${DROP_ROLE};\n${DROP_TABLES};\n${ddl}`)
  const proxy = await tcpProxy({ host, port })
  const texts = async () => (await pgQuery<{ full_ret: string }>(server(), 'SELECT full_ret::text FROM salt_returns')).map((row) => row.full_ret)
  return {
    options: { host, port: proxy.port, user, db: database, [password]: secret, timeout: 20, connect_timeout: 5 },
    proxy,
    sql: (text) => pgQuery(server(), text),
    readBack: async () => (await texts()).map((text) => read(text) as ReturnRecord),
    readTexts: async () => (await texts()).map(exact),
    async readEvents() {
      const rows = await pgQuery<{ tag: string; data: string }>(server(), 'SELECT tag, data::text FROM salt_events')
      return rows.map(({ tag, data }) => ({ tag, data: read(data) as SaltEvent['data'] }))
    },
    teardown: () => proxy.close(),
  }
}

/** The ways in which a PostgreSQL fails. */
export function pgFailures({ server, password, ddl }: PgSubject): FailureCase<PgFixture>[] {
  const withOptions = (changed: Record<string, unknown>): FailureCase<PgFixture>['provoke'] => async ({ options }) => ({ options: { ...options, ...changed } })
  const after = (text: string, changed: Record<string, unknown> = {}): FailureCase<PgFixture>['provoke'] => async ({ sql, options }) => {
    await sql(text)
    return { options: { ...options, ...changed } }
  }
  const role = { user: 'other', [password]: 'other-secret' }
  const makeRole = `CREATE ROLE other LOGIN PASSWORD 'other-secret'`
  const run = (text: string) => async ({ sql }: PgFixture) => void (await sql(text))
  const remake = run(`${DROP_TABLES};\n${ddl}`)
  return [
    { name: 'the server dies while it is open', kind: 'retry', whileOpen: true, provoke: async () => (await server().kill(), {}), mend: () => server().revive() },
    { name: 'the server is down', kind: 'retry', message: /ECONNREFUSED|socket|terminated|closed/i, provoke: async () => (await server().kill(), {}), mend: () => server().revive() },
    { name: 'the server says nothing', kind: 'retry', message: /no answer within 0.3 s/, provoke: async ({ proxy, options }) => {
      proxy.stall()
      return { options: { ...options, connect_timeout: 0.3 } }
    }, mend: async ({ proxy }) => proxy.mend() },
    { name: 'too many connections', kind: 'retry-after', message: /too many connections for role/, provoke: after(`${makeRole} CONNECTION LIMIT 0; GRANT ALL ON salt_returns TO other`, role), mend: async () => {} },
    { name: 'a wrong password', kind: 'operator', message: /password authentication failed for user "salt"/, provoke: withOptions({ [password]: 'hunter2-wrong' }), mend: async () => {} },
    { name: 'a host that does not exist', kind: 'operator', message: /ENOTFOUND|EAI_AGAIN/, provoke: withOptions({ host: 'no-such-host.invalid' }), mend: async () => {} },
    { name: 'a database that does not exist', kind: 'operator', message: /database "nowhere" does not exist/, provoke: withOptions({ db: 'nowhere' }), mend: async () => {} },
    { name: 'no right to insert', kind: 'operator', message: /permission denied for table salt_returns/, provoke: after(`${makeRole}; GRANT SELECT ON salt_returns TO other`, role), mend: run('GRANT INSERT, UPDATE ON salt_returns TO other') },
    { name: 'a certificate that nobody vouches for', kind: 'operator', message: /certificate/, provoke: withOptions({ sslmode: 'verify-full' }), mend: async () => {} },
    { name: 'a table is missing', kind: 'operator', message: /the table salt_returns is missing; "brine returner check \w+ --create" makes it/, provoke: after('DROP TABLE salt_returns'), mend: remake },
    { name: 'the table goes away', kind: 'operator', message: /salt_returns/, whileOpen: true, provoke: after('DROP TABLE salt_returns'), mend: remake },
    { name: 'columns are missing', kind: 'operator', message: /the columns success, full_ret of the table salt_returns are missing/, provoke: after('ALTER TABLE salt_returns DROP success, DROP full_ret'), mend: remake },
    { name: 'a column of the site must be filled', kind: 'operator', message: /"site"/, provoke: after('ALTER TABLE salt_returns ADD site text NOT NULL'), mend: remake },
    { name: 'a database that only reads', kind: 'operator', message: /read-only transaction/, whileOpen: true, provoke: async ({ sql }) => {
      await sql(`ALTER DATABASE salt SET default_transaction_read_only = on; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'brine'`)
      return {}
    }, mend: async () => void (await pgQuery(server(), 'ALTER DATABASE salt RESET default_transaction_read_only', [], 'postgres')) },
    { name: 'a job id that is too long for its column', kind: 'permanent', message: /value too long for type character varying\(255\)/, provoke: async () => ({ items: [sampleItem(sampleReturn('2'.repeat(300)))] }) },
  ]
}

/** What is true of both, beyond the contract. */
export function testPg<Options>(definition: ReturnerDefinition<Options>, subject: PgSubject): void {
  const open = async (changed: Record<string, unknown> = {}) => {
    const fixture = await pgFixture(subject)
    return { fixture, handle: await openReturner(definition, { ...fixture.options, ...changed }) }
  }

  test('a batch goes on when the server stops answering in its middle, and is stored once', async () => {
    const { fixture, handle } = await open({ timeout: 0.5 })
    fixture.proxy.stall()
    const items = sampleBatch(3, 5000)
    await expect(handle.returner(items, never)).rejects.toThrow(/no answer within 0.5 s/)
    fixture.proxy.mend()
    await handle.returner(items, never)
    expect(await fixture.readBack?.()).toHaveLength(3)
    await handle.close()
    await fixture.teardown?.()
  })

  test('of a batch only what cannot be stored is refused', async () => {
    const { fixture, handle } = await open()
    const [first, second, third] = sampleBatch(3, 6000).map(({ ret }, index) => sampleItem(index === 1 ? { ...ret, jid: '3'.repeat(300) } : ret))
    const end = await handle.returner([first, second, third].filter((item) => item !== undefined), never).catch((error: unknown) => error)
    expect(end).toMatchObject({ code: 'BRINE_PARTIAL', stored: [first?.key, third?.key], rejected: [{ key: second?.key, error: expect.stringContaining('too long') }] })
    expect(await fixture.readBack?.()).toHaveLength(2)
    await handle.close()
    await fixture.teardown?.()
  })

  test('speaks TLS when the server has it, with a certificate that it verifies when asked', async () => {
    const { cert } = subject.server().certificate
    for (const mode of ['prefer', 'require', 'verify-ca', 'verify-full', 'disable', 'None']) {
      const { fixture, handle } = await open({ sslmode: mode, ...(mode.startsWith('verify') && { sslrootcert: cert }) })
      const encrypted = await pgQuery<{ ssl: boolean }>(subject.server(), "SELECT s.ssl FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.application_name = 'brine'")
      expect(encrypted, mode).toEqual([{ ssl: mode !== 'disable' }])
      await handle.close()
      await fixture.teardown?.()
    }
  })

  test('a job archive keeps what is cleaned away, nothing in both', async () => {
    const { fixture, handle } = await open({ archive_jobs: true })
    await handle.saveLoad?.('20200101000000000000', { fun: 'test.ping' })
    await handle.returner(sampleBatch(2, 7000), never)
    await handle.cleanOldJobs?.(-60)
    const counts = await fixture.sql(`SELECT (SELECT count(*)::int FROM salt_returns) AS returns, (SELECT count(*)::int FROM salt_returns_archive) AS old,
      (SELECT count(*)::int FROM jids) AS jids, (SELECT count(*)::int FROM jids_archive) AS old_jids`)
    expect(counts).toEqual([{ returns: 0, old: 2, jids: 0, old_jids: 1 }])
    await handle.close()
    await fixture.teardown?.()
  })

  test('looks at the tables, says what is missing, and makes it', async () => {
    const { fixture, handle } = await open()
    await handle.close()
    const check = (create: boolean) => checkReturner(definition, fixture.options, create)
    await fixture.sql('DROP TABLE salt_returns, jids')
    expect((await check(false)).map(({ kind, text }) => `${kind} ${text}`)).toEqual([
      'missing the table salt_returns is missing',
      "advice the table jids is missing: returns are stored without, a master's loads are not",
    ])
    expect((await check(true)).filter(({ kind }) => kind === 'made').map(({ text }) => text)).toEqual(['the table salt_returns with its indexes', 'the table jids with its indexes'])
    expect(await check(false)).toEqual([])

    await fixture.sql('DROP INDEX brine_returns_key')
    expect((await check(false)).map(({ text }) => text)).toEqual([expect.stringMatching(/no index on salt_returns \(jid, id\).*--create makes it/)])
    expect(await check(true)).toEqual([{ kind: 'made', text: 'the index brine_returns_key on salt_returns (jid, id)' }])
    await fixture.sql("CREATE ROLE other LOGIN PASSWORD 'other-secret'; GRANT INSERT ON salt_returns TO other")
    const rights = await checkReturner(definition, { ...fixture.options, user: 'other', [subject.password]: 'other-secret' }, false)
    expect(rights).toEqual([{ kind: 'missing', text: expect.stringMatching(/GRANT SELECT, UPDATE ON salt_returns TO other$/) }])
    await fixture.teardown?.()
  })
}
