/** Reads the stores themselves and says for each destination what arrived, what is missing and what is there twice. */
import { readdirSync, readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

/** One return that must be somewhere: `jid/minion id`. */
export type ReturnName = string

export interface Finding {
  destination: string
  expected: number
  arrived: number
  lost: ReturnName[]
  /** More than one record per key at a destination that is declared idempotent. */
  duplicated: ReturnName[]
  /** Records or requests beyond the first at a destination that cannot tell: each a re-send after a lost acknowledgement. */
  resent: number
}

/** Compares what must be there with what is: `found` may hold a name more than once. */
export function compare(destination: string, expected: Set<ReturnName>, found: ReturnName[], idempotent: boolean): Finding {
  const counts = new Map<ReturnName, number>()
  for (const name of found) counts.set(name, (counts.get(name) ?? 0) + 1)
  const several = [...counts].filter(([name, count]) => expected.has(name) && count > 1)
  return {
    destination,
    expected: expected.size,
    arrived: [...expected].filter((name) => counts.has(name)).length,
    lost: [...expected].filter((name) => !counts.has(name)),
    duplicated: idempotent ? several.map(([name]) => name) : [],
    resent: idempotent ? 0 : several.reduce((sum, [, count]) => sum + count - 1, 0),
  }
}

/** The rows of a database with Salt's `salt_returns` table: a sqlite3 returner's, or the embedded master's job cache. */
export function returnsInDatabase(path: string): ReturnName[] {
  const database = new DatabaseSync(path, { readOnly: true })
  try {
    return database
      .prepare('SELECT jid, id FROM salt_returns')
      .all()
      .map((row) => `${String(row['jid'])}/${String(row['id'])}`)
  } finally {
    database.close()
  }
}

function nameOf(json: string): ReturnName {
  const record = JSON.parse(json) as { jid: string; id: string }
  return `${record.jid}/${record.id}`
}

/** The lines of a rawfile_json file. */
export function returnsInFile(path: string): ReturnName[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map(nameOf)
}

/** The files of the inventory returner. */
export function returnsInDirectory(path: string): ReturnName[] {
  return readdirSync(path)
    .filter((name) => name.endsWith('.json'))
    .map((name) => nameOf(readFileSync(`${path}/${name}`, 'utf8')))
}
