import type { PgConnection } from './connection.ts'

/** What goes, table by table; loads last, since whether they go depends on the returns that are left. */
const OLD: readonly { table: string; where: string }[] = [
  { table: 'salt_returns', where: 'alter_time < to_timestamp($1)' },
  { table: 'salt_events', where: 'alter_time < to_timestamp($1)' },
  // A job id that is no time ("req") says nothing about its age.
  { table: 'jids', where: "jid < $1 AND jid ~ '^[0-9]{20}' AND NOT EXISTS (SELECT 1 FROM salt_returns WHERE salt_returns.jid = jids.jid)" },
]

/**
 * Removes old rows, or moves them into Salt's `…_archive` tables, in one transaction: a row is never in both or in none.
 *
 * @param time seconds since the epoch
 * @param jid job ids below it are old
 */
export async function cleaning(connection: PgConnection, time: number, jid: string, archive: boolean): Promise<void> {
  await connection.query('BEGIN')
  for (const { table, where } of OLD) {
    const values = [table === 'jids' ? jid : time]
    if (!archive) {
      await connection.query(`DELETE FROM ${table} WHERE ${where}`, values)
      continue
    }
    await connection.query(`CREATE TABLE IF NOT EXISTS ${table}_archive (LIKE ${table})`)
    await connection.query(`WITH gone AS (DELETE FROM ${table} WHERE ${where} RETURNING *) INSERT INTO ${table}_archive SELECT * FROM gone`, values)
  }
  await connection.query('COMMIT')
}
