/** Each statement is harmless where its object is there already. */
export const schema = `-- Salt's tables for its sqlite3 returner, with the same names and columns. Tables that Salt made are used as they are.
CREATE TABLE IF NOT EXISTS jids (
  jid  TEXT PRIMARY KEY,
  load TEXT NOT NULL      -- JSON; the member "Minions" lists who was expected
);
CREATE TABLE IF NOT EXISTS salt_returns (
  fun      TEXT NOT NULL, -- of a job with several functions: a JSON list
  jid      TEXT NOT NULL,
  id       TEXT NOT NULL,
  fun_args TEXT,          -- JSON, null when there are none
  date     TEXT NOT NULL, -- UTC, YYYY-MM-DD HH:MM:SS.ffffff
  full_ret TEXT NOT NULL, -- JSON of the whole return
  success  TEXT NOT NULL  -- 1 or 0
);
-- Not unique: tables of Salt's may hold a pair twice, and its own minions, which insert blindly, must go on working.
-- One row per pair is kept by writing under the write lock: update, and insert when there was nothing to update.
CREATE INDEX IF NOT EXISTS brine_returns_key ON salt_returns (jid, id);
CREATE INDEX IF NOT EXISTS brine_returns_fun_jid ON salt_returns (fun, id, jid);
CREATE TABLE IF NOT EXISTS salt_events (
  id         INTEGER PRIMARY KEY,
  tag        TEXT NOT NULL,
  data       TEXT NOT NULL, -- JSON
  alter_time TEXT NOT NULL,
  master_id  TEXT
);
`
