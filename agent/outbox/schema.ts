import type { Database } from 'better-sqlite3'
import { DamagedStoreError, OutboxRefusedError } from './faults.ts'

/** "brin": marks the file as a store of ours. */
export const applicationId = 0x6272696e

/** A user_version this far ahead of ours is no newer schema but a damaged header. */
const plausibleVersions = 1000

/** What a delivery's row is in. Delivered ones have no row. */
export const STATE = { ready: 0, setAside: 1, dead: 2 } as const

/**
 * The tables, one step per schema version; a step never changes once released.
 *
 * - `seen`: every jid received, for de-duplication; small rows in the order of their arrival, so that the oldest are
 *   together and go first. `unfinished` holds what a crash would interrupt, under the id of its `seen` row.
 * - `returns`: a return, never updated; the body is last, so that a look at the other columns reads no overflow page.
 *   Ids rise for ever within a process: a lane's boundary between backlog and fresh is such an id.
 * - `deliveries`: one row per return and destination that is queued or dead; by return for what concerns a return, and
 *   by (destination, state) for a lane's first in, first out. `due` is in the agent's uptime, so that a clock step moves
 *   nothing.
 * - `kept`: returns without a delivery, kept for `saltutil.find_cached_job` until space or age ends them.
 * - `views`: the rule version of the view that a destination got, where it got one.
 * - `destinations`: the books, and the highest return id and uptime that a destination saw.
 * - `gaps`: what was dropped, lost or purged, for ever.
 */
const steps: readonly string[] = [
  `
  CREATE TABLE meta (id INTEGER PRIMARY KEY CHECK (id = 1), uptime INTEGER NOT NULL) STRICT;
  INSERT INTO meta (id, uptime) VALUES (1, 0);

  CREATE TABLE masters (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

  CREATE TABLE seen (id INTEGER PRIMARY KEY, master INTEGER NOT NULL, jid TEXT NOT NULL, uptime INTEGER NOT NULL) STRICT;
  CREATE UNIQUE INDEX seen_key ON seen (jid, master);

  CREATE TABLE unfinished (
    id INTEGER PRIMARY KEY, fun TEXT NOT NULL, running INTEGER NOT NULL, since INTEGER NOT NULL,
    pgid INTEGER, start_ticks INTEGER, boot_id TEXT, load BLOB NOT NULL
  ) STRICT;

  CREATE TABLE destinations (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    accepted INTEGER NOT NULL, delivered INTEGER NOT NULL, queued INTEGER NOT NULL, dead INTEGER NOT NULL,
    dropped INTEGER NOT NULL, purged INTEGER NOT NULL, lost INTEGER NOT NULL,
    queued_bytes INTEGER NOT NULL, dead_bytes INTEGER NOT NULL,
    newest INTEGER NOT NULL, uptime INTEGER NOT NULL, last_error TEXT, spec BLOB NOT NULL
  ) STRICT;

  CREATE TABLE returns (
    id INTEGER PRIMARY KEY, jid TEXT NOT NULL, minion_id TEXT NOT NULL, fun TEXT NOT NULL, success INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL, uptime INTEGER NOT NULL, checksum INTEGER NOT NULL, body BLOB NOT NULL
  ) STRICT;
  CREATE INDEX returns_jid ON returns (jid);

  CREATE TABLE deliveries (
    return_id INTEGER NOT NULL, destination_id INTEGER NOT NULL, state INTEGER NOT NULL, priority INTEGER NOT NULL,
    bytes INTEGER NOT NULL, attempts INTEGER NOT NULL, due INTEGER, dead_at INTEGER, last_error TEXT,
    PRIMARY KEY (return_id, destination_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX deliveries_queue ON deliveries (destination_id, state, return_id);
  CREATE INDEX deliveries_due ON deliveries (destination_id, due) WHERE state = 1;

  CREATE TABLE kept (return_id INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, uptime INTEGER NOT NULL) STRICT;

  CREATE TABLE views (
    return_id INTEGER NOT NULL, destination TEXT NOT NULL, version INTEGER NOT NULL,
    PRIMARY KEY (return_id, destination)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE gaps (
    id INTEGER PRIMARY KEY, destination TEXT NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL,
    count INTEGER NOT NULL, jids TEXT NOT NULL
  ) STRICT;
  CREATE INDEX gaps_key ON gaps (destination, reason, id);
  `,
]

/** The version this program writes. */
export const schemaVersion = steps.length

/**
 * Reads whose file this is, changing nothing; gives its schema version, 0 for an empty file.
 * @throws OutboxRefusedError for a store of a newer program; DamagedStoreError for a file that is not ours.
 */
export function identify(database: Database): number {
  const version = Number(database.pragma('user_version', { simple: true }))
  const owner = Number(database.pragma('application_id', { simple: true }))
  const tables = Number(database.prepare('SELECT count(*) FROM sqlite_schema').pluck().get())
  if (owner !== applicationId && (owner !== 0 || tables > 0)) {
    throw new DamagedStoreError(`the file has application id ${owner}, not Brine's`)
  }
  if (version > schemaVersion && version <= schemaVersion + plausibleVersions) {
    throw new OutboxRefusedError(
      `its schema has version ${version}, this program knows ${schemaVersion}: install the newer Brine again, or move the directory away`,
    )
  }
  if (version < 0 || version > schemaVersion || (version === 0) !== (tables === 0)) {
    throw new DamagedStoreError(`the file claims schema version ${version} with ${tables} objects`)
  }
  return version
}

/** Brings the tables from a version to this program's, in one transaction. */
export function migrate(database: Database, version = 0): void {
  if (version === schemaVersion) return
  database.transaction(() => {
    for (const step of steps.slice(version)) database.exec(step)
    database.pragma(`application_id = ${applicationId}`)
    database.pragma(`user_version = ${schemaVersion}`)
  }).immediate()
}
