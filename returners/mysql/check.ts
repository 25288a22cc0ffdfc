import type { TargetFinding } from '../contract.ts'
import { KEY_INDEX, note, TABLES, tableFindings, type Tables, tablesOf } from '../lib/salt-tables.ts'
import { connectMysql, type MysqlConnection, placeOf } from './connection.ts'
import { mysqlError } from './errors.ts'
import type { Options } from './options.ts'
import { schema } from './schema.ts'

const never = new AbortController().signal

/** Reads which of Salt's tables the database has. Of tables that the user has no right to, nothing is seen. */
export async function readTables(connection: MysqlConnection): Promise<Tables> {
  const rows = await connection.query(
    `SELECT table_name AS t, column_name AS c, column_type AS y, character_maximum_length AS w
     FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name IN (?)`,
    [TABLES],
  )
  return tablesOf(rows.map((row) => ({ table: String(row['t']), column: String(row['c']), type: String(row['y']), width: row['w'] === null ? null : Number(row['w']) })))
}

/** Looks at the tables of a database; `create` makes those that are missing. Columns of a table that is there are never touched. */
export async function checkMysql(settings: Options, create: boolean): Promise<TargetFinding[]> {
  const connection = await connectMysql(settings, never)
  try {
    const made = create ? await makeMissing(connection, await readTables(connection)) : []
    const tables = await readTables(connection)
    const findings = [...made, ...tableFindings(tables), ...sizeNotes(tables)]
    if (tables.has('salt_returns')) findings.push(...await rightFindings(connection), ...await indexNotes(connection))
    return [...findings, ...await packetNotes(connection)]
  } catch (error) {
    throw mysqlError(placeOf(settings), error)
  } finally {
    await connection.close()
  }
}

async function makeMissing(connection: MysqlConnection, tables: Tables): Promise<TargetFinding[]> {
  const made: TargetFinding[] = []
  for (const table of TABLES.filter((name) => !tables.has(name))) {
    for (const statement of schema[table]) await connection.query(statement)
    made.push({ kind: 'made', text: `the table ${table} with its keys` })
  }
  if (tables.has('salt_returns') && !(await hasKeyIndex(connection))) {
    await connection.query(`ALTER TABLE \`salt_returns\` ADD KEY \`${KEY_INDEX}\` (\`jid\`, \`id\`)`)
    made.push({ kind: 'made', text: `the key ${KEY_INDEX} on salt_returns (jid, id)` })
  }
  return made
}

/** Salt's `mediumtext` holds a little less than 16 MiB. */
function sizeNotes(tables: Tables): TargetFinding[] {
  const narrow = ['return', 'full_ret'].filter((name) => /^(tiny|medium)?text/.test(tables.get('salt_returns')?.get(name)?.type ?? ''))
  if (narrow.length === 0) return []
  const changes = narrow.map((name) => `MODIFY \`${name}\` longtext NOT NULL`).join(', ')
  return [note(`a return of 16 MiB or more does not fit salt_returns and becomes a dead letter: ALTER TABLE salt_returns ${changes}`)]
}

/** Salt's minions need INSERT alone. What a right is worth is tried: grants come from too many places. */
async function rightFindings(connection: MysqlConnection): Promise<TargetFinding[]> {
  const tries = {
    SELECT: 'SELECT `jid`, `id` FROM `salt_returns` WHERE 1 = 0',
    INSERT: 'INSERT INTO `salt_returns` (`fun`, `jid`, `return`, `id`, `success`, `full_ret`) SELECT a, a, a, a, a, a FROM (SELECT 1 AS a) none WHERE 1 = 0',
    DELETE: 'DELETE FROM `salt_returns` WHERE 1 = 0',
  }
  const missing: string[] = []
  for (const [right, statement] of Object.entries(tries)) {
    try {
      await connection.query(statement)
    } catch (error) {
      if (!/denied/i.test(String(error))) throw error
      missing.push(right)
    }
  }
  if (missing.length === 0) return []
  const [row] = await connection.query('SELECT CURRENT_USER() AS who')
  const [user = '', host = '%'] = String(row?.['who']).split('@')
  const grant = `GRANT ${missing.join(', ')} ON salt_returns TO '${user}'@'${host}'`
  return [{ kind: 'missing', text: `rights on salt_returns, without which a return that comes again cannot be replaced: ${grant}` }]
}

async function hasKeyIndex(connection: MysqlConnection): Promise<boolean> {
  const rows = await connection.query(`
    SELECT index_name AS name FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'salt_returns' AND seq_in_index <= 2 AND column_name IN ('jid', 'id')
    GROUP BY index_name HAVING COUNT(*) = 2`)
  return rows.length > 0
}

async function indexNotes(connection: MysqlConnection): Promise<TargetFinding[]> {
  if (await hasKeyIndex(connection)) return []
  return [note('there is no key on salt_returns (jid, id): storing slows down with the number of minions in one job; --create makes it')]
}

/** What the server takes in one statement bounds the size of a return. */
async function packetNotes(connection: MysqlConnection): Promise<TargetFinding[]> {
  const [row] = await connection.query('SELECT @@max_allowed_packet AS bytes')
  const bytes = Number(row?.['bytes'])
  if (bytes >= 64 * 1024 * 1024) return []
  return [note(`max_allowed_packet of the server is ${bytes}: a return takes twice its size, and one that does not fit becomes a dead letter`)]
}
