import type { MysqlConnection } from './connection.ts'

/** What goes, table by table; loads last, since whether they go depends on the returns that are left. */
const OLD: readonly { table: string; where: string }[] = [
  { table: 'salt_returns', where: '`alter_time` < FROM_UNIXTIME(?)' },
  { table: 'salt_events', where: '`alter_time` < FROM_UNIXTIME(?)' },
  // A job id that is no time ("req") says nothing about its age.
  { table: 'jids', where: "`jid` < ? AND `jid` REGEXP '^[0-9]{20}' AND NOT EXISTS (SELECT 1 FROM `salt_returns` WHERE `salt_returns`.`jid` = `jids`.`jid`)" },
]

/**
 * Removes old rows, or moves them into Salt's `…_archive` tables: each table in one transaction, a row is never in both or in none.
 *
 * @param time seconds since the epoch
 * @param jid job ids below it are old
 */
export async function cleaning(connection: MysqlConnection, time: number, jid: string, archive: boolean): Promise<void> {
  for (const { table, where } of OLD) {
    const values = [table === 'jids' ? jid : time]
    if (!archive) {
      await connection.query(`DELETE FROM \`${table}\` WHERE ${where}`, values)
      continue
    }
    await connection.query(`CREATE TABLE IF NOT EXISTS \`${table}_archive\` LIKE \`${table}\``)
    await connection.query('START TRANSACTION')
    // Locked first: what comes in between is neither copied nor removed.
    await connection.query(`INSERT INTO \`${table}_archive\` SELECT * FROM \`${table}\` WHERE ${where} FOR UPDATE`, values)
    await connection.query(`DELETE FROM \`${table}\` WHERE ${where}`, values)
    await connection.query('COMMIT')
  }
}
