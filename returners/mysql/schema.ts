import type { Schema } from '../lib/salt-tables.ts'

/** The first lines of the whole. */
export const schemaHead = `-- Salt's tables for its returner mysql, with the same names, columns and keys; its types, but for wider columns and utf8mb4.
-- CREATE DATABASE salt DEFAULT CHARACTER SET utf8mb4;`

const ENGINE = 'ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin'

/** Salt's tables. The key on (jid, id) is ours, and is not unique: Salt's own minions insert blindly. */
export const schema: Schema = {
  salt_returns: [
    `CREATE TABLE IF NOT EXISTS \`salt_returns\` (
  \`fun\`        varchar(255) NOT NULL, -- of a job with several functions a JSON list, cut to fit
  \`jid\`        varchar(255) NOT NULL,
  \`return\`     longtext NOT NULL,     -- JSON
  \`id\`         varchar(255) NOT NULL,
  \`success\`    varchar(10) NOT NULL,  -- 1 or 0
  \`full_ret\`   longtext NOT NULL,     -- JSON of the whole return
  \`alter_time\` timestamp DEFAULT CURRENT_TIMESTAMP,
  KEY \`id\` (\`id\`),
  KEY \`jid\` (\`jid\`),
  KEY \`fun\` (\`fun\`),
  KEY \`brine_returns_key\` (\`jid\`, \`id\`)
) ${ENGINE}`,
  ],
  jids: [
    `CREATE TABLE IF NOT EXISTS \`jids\` (
  \`jid\`  varchar(255) NOT NULL,
  \`load\` longtext NOT NULL,           -- JSON; the member "Minions" lists who was expected
  UNIQUE KEY \`jid\` (\`jid\`)
) ${ENGINE}`,
  ],
  salt_events: [
    `CREATE TABLE IF NOT EXISTS \`salt_events\` (
  \`id\`         bigint NOT NULL AUTO_INCREMENT,
  \`tag\`        varchar(255) NOT NULL,
  \`data\`       longtext NOT NULL,     -- JSON
  \`alter_time\` timestamp DEFAULT CURRENT_TIMESTAMP,
  \`master_id\`  varchar(255) NOT NULL,
  PRIMARY KEY (\`id\`),
  KEY \`tag\` (\`tag\`)
) ${ENGINE}`,
  ],
}
