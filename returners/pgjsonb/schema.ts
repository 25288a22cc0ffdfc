import { KEY_STATEMENT } from '../lib/pg/check.ts'
import type { Schema } from '../lib/salt-tables.ts'

/** The first lines of the whole. */
export const schemaHead = `-- Salt's tables for its returner pgjsonb, with the same names, columns and indexes; its types, but for a wider column fun.
-- CREATE DATABASE salt WITH ENCODING 'UTF8';`

/** Salt's tables. The index on (jid, id) is ours, and is not unique: Salt's own minions insert blindly. */
export const schema: Schema = {
  salt_returns: [
    `CREATE TABLE IF NOT EXISTS salt_returns (
  fun        varchar(255) NOT NULL, -- of a job with several functions a JSON list, cut to fit
  jid        varchar(255) NOT NULL,
  return     jsonb NOT NULL,
  id         varchar(255) NOT NULL,
  success    varchar(10) NOT NULL,  -- true or false
  full_ret   jsonb NOT NULL,        -- the whole return
  alter_time timestamp with time zone DEFAULT now()
)`,
    'CREATE INDEX IF NOT EXISTS idx_salt_returns_id ON salt_returns (id)',
    'CREATE INDEX IF NOT EXISTS idx_salt_returns_jid ON salt_returns (jid)',
    'CREATE INDEX IF NOT EXISTS idx_salt_returns_fun ON salt_returns (fun)',
    'CREATE INDEX IF NOT EXISTS idx_salt_returns_return ON salt_returns USING gin (return) WITH (fastupdate = on)',
    'CREATE INDEX IF NOT EXISTS idx_salt_returns_full_ret ON salt_returns USING gin (full_ret) WITH (fastupdate = on)',
    KEY_STATEMENT,
  ],
  jids: [
    `CREATE TABLE IF NOT EXISTS jids (
  jid  varchar(255) NOT NULL PRIMARY KEY,
  load jsonb NOT NULL               -- the member "Minions" lists who was expected
)`,
    'CREATE INDEX IF NOT EXISTS idx_jids_jsonb ON jids USING gin (load) WITH (fastupdate = on)',
  ],
  salt_events: [
    'CREATE SEQUENCE IF NOT EXISTS seq_salt_events_id',
    `CREATE TABLE IF NOT EXISTS salt_events (
  id         bigint NOT NULL UNIQUE DEFAULT nextval('seq_salt_events_id'),
  tag        varchar(255) NOT NULL,
  data       jsonb NOT NULL,
  alter_time timestamp with time zone DEFAULT now(),
  master_id  varchar(255) NOT NULL
)`,
    'CREATE INDEX IF NOT EXISTS idx_salt_events_tag ON salt_events (tag)',
    'CREATE INDEX IF NOT EXISTS idx_salt_events_data ON salt_events USING gin (data) WITH (fastupdate = on)',
  ],
}
