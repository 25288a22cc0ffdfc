import { describe, expect, test } from 'vitest'
import definition from '../../returners/postgres/index.ts'
import { sampleBatch, testReturner } from '../../returners/testing.ts'
import { describeServer } from './lib/describe-server.ts'
import { never, openReturner } from './lib/open-returner.ts'
import { SALT_POSTGRES } from './lib/pg-client.ts'
import { pgFailures, pgFixture, type PgSubject, testPg } from './lib/pg-suite.ts'
import { startPostgres } from './lib/postgres.ts'

describeServer({ returner: 'postgres', program: 'postgres', start: startPostgres }, (server) => {
  const ours: PgSubject = { server, password: 'passwd', ddl: definition.schema ?? '', read: (text) => JSON.parse(text) as unknown }
  testReturner({
    definition,
    runner: { describe, test, expect },
    setup: () => pgFixture(ours),
    network: ({ proxy }) => proxy,
    wrongOptions: [{ options: { pass: 'salt' }, message: /pass: there is no such option/ }],
    failures: pgFailures(ours),
  })
  testPg(definition, ours)

  test('works with the tables as Salt makes them', async () => {
    const fixture = await pgFixture({ ...ours, ddl: SALT_POSTGRES })
    const handle = await openReturner(definition, fixture.options)
    const batch = sampleBatch(5, 8000)
    await handle.returner(batch, never)
    await handle.returner(batch, never)
    expect(await fixture.readBack?.()).toHaveLength(5)
    await handle.close()
    await fixture.teardown?.()
  })
})
