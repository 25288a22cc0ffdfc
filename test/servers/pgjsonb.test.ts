import { describe, expect, test } from 'vitest'
import { fromJsonb } from '../../returners/lib/jsonb.ts'
import definition from '../../returners/pgjsonb/index.ts'
import { testReturner } from '../../returners/testing.ts'
import { describeServer } from './lib/describe-server.ts'
import { SALT_PGJSONB } from './lib/pg-client.ts'
import { pgFailures, pgFixture, type PgSubject, testPg } from './lib/pg-suite.ts'
import { startPostgres } from './lib/postgres.ts'

describeServer({ returner: 'pgjsonb', program: 'postgres', start: startPostgres }, (server) => {
  // On the tables as Salt's page has them: whoever comes from Salt has these, and they are the harder ones.
  const salts: PgSubject = { server, password: 'pass', ddl: SALT_PGJSONB, read: fromJsonb, exact: exactOf }
  testReturner({
    definition,
    runner: { describe, test, expect },
    setup: () => pgFixture(salts),
    // Its `numeric` knows no -0.0, and writes 1e308 out.
    mayRound: ['floats at their limits'],
    network: ({ proxy }) => proxy,
    wrongOptions: [
      { options: { port: 'much' }, message: /port: expected a port/ },
      { options: { sslmode: 'maybe' }, message: /sslmode: expected one of disable, allow/ },
      { options: { sslcert: 'cert.pem' }, message: /sslcert: expected an absolute path/ },
    ],
    failures: pgFailures(salts),
  })
  testPg(definition, { ...salts, ddl: definition.schema ?? '' })
})

/** Where jsonb refused something, the exact text stands beside it. */
function exactOf(text: string): string {
  const { brine_exact: exact } = JSON.parse(text) as { brine_exact?: string }
  return exact ?? text
}
