import pg from 'pg'
import type { Postgres } from './postgres.ts'

/** One statement, or several without values, as the owner of the database. */
export async function pgQuery<Row extends object>(server: Postgres, text: string, values?: unknown[], database = server.database): Promise<Row[]> {
  const client = new pg.Client({ host: server.host, port: server.port, user: server.user, password: server.password, database })
  await client.connect()
  try {
    const result = await client.query<Row>(text, values)
    return result.rows ?? []
  } finally {
    await client.end()
  }
}

/** Salt's tables as Salt's own page of the returner pgjsonb has them: no key that tells two rows of one return apart. */
export const SALT_PGJSONB = `
CREATE TABLE jids (jid varchar(255) NOT NULL PRIMARY KEY, load jsonb NOT NULL);
CREATE INDEX idx_jids_jsonb ON jids USING gin (load) WITH (fastupdate=on);
CREATE TABLE salt_returns (fun varchar(50) NOT NULL, jid varchar(255) NOT NULL, return jsonb NOT NULL, id varchar(255) NOT NULL,
  success varchar(10) NOT NULL, full_ret jsonb NOT NULL, alter_time timestamp with time zone DEFAULT now());
CREATE INDEX idx_salt_returns_id ON salt_returns (id);
CREATE INDEX idx_salt_returns_jid ON salt_returns (jid);
CREATE INDEX idx_salt_returns_fun ON salt_returns (fun);
CREATE INDEX idx_salt_returns_return ON salt_returns USING gin (return) WITH (fastupdate=on);
CREATE INDEX idx_salt_returns_full_ret ON salt_returns USING gin (full_ret) WITH (fastupdate=on);
CREATE SEQUENCE IF NOT EXISTS seq_salt_events_id;
CREATE TABLE salt_events (id bigint NOT NULL UNIQUE DEFAULT nextval('seq_salt_events_id'), tag varchar(255) NOT NULL, data jsonb NOT NULL,
  alter_time timestamp with time zone DEFAULT now(), master_id varchar(255) NOT NULL);`

/** The same of the returner postgres. */
export const SALT_POSTGRES = SALT_PGJSONB
  .replaceAll(/^CREATE INDEX .*USING gin.*$/gm, '').replaceAll('jsonb', 'text').replace('full_ret text NOT NULL', 'full_ret text')
  .replace('jid varchar(255) NOT NULL PRIMARY KEY', 'jid varchar(20) PRIMARY KEY')

export const DROP_TABLES = 'DROP TABLE IF EXISTS salt_returns, jids, salt_events, salt_returns_archive, jids_archive, salt_events_archive'

/** The role of tests about rights. */
export const DROP_ROLE = "DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'other') THEN DROP OWNED BY other; DROP ROLE other; END IF; END $$"
