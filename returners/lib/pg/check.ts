import type { TargetFinding } from '../../contract.ts'
import { KEY_INDEX, note, type Schema, TABLES, tableFindings, type Tables } from '../salt-tables.ts'
import { readTables } from './columns.ts'
import { connectPg, type PgConnection, type PgTarget, placeOf } from './connection.ts'
import { pgError } from './errors.ts'

/** The index by which a return that comes again is found. Not unique: see the README. */
export const KEY_STATEMENT = `CREATE INDEX IF NOT EXISTS ${KEY_INDEX} ON salt_returns (jid, id)`

/** Looks at the tables of a database; `create` makes those that are missing. Columns of a table that is there are never touched. */
export async function checkPg(target: PgTarget, schema: Schema, json: 'jsonb' | 'text', create: boolean): Promise<TargetFinding[]> {
  const connection = await connectPg(target, new AbortController().signal)
  try {
    const made = create ? await makeMissing(connection, await readTables(connection), schema) : []
    const tables = await readTables(connection)
    const findings = [...made, ...tableFindings(tables), ...typeNotes(tables, json)]
    for (const look of [rightFindings, indexNotes, encodingNotes]) findings.push(...await look(connection, tables))
    return findings
  } catch (error) {
    throw pgError(placeOf(target), error)
  } finally {
    await connection.close()
  }
}

async function makeMissing(connection: PgConnection, tables: Tables, schema: Schema): Promise<TargetFinding[]> {
  // An index over a large table takes its time.
  await connection.query('SET statement_timeout = 0')
  const made: TargetFinding[] = []
  for (const table of TABLES.filter((name) => !tables.has(name))) {
    await connection.query(['BEGIN', ...schema[table], 'COMMIT'].join(';\n'))
    made.push({ kind: 'made', text: `the table ${table} with its indexes` })
  }
  if (tables.has('salt_returns') && !(await hasKeyIndex(connection))) {
    // Beside running minions: a plain one would make them wait.
    await connection.query(KEY_STATEMENT.replace('CREATE INDEX', 'CREATE INDEX CONCURRENTLY'))
    made.push({ kind: 'made', text: `the index ${KEY_INDEX} on salt_returns (jid, id)` })
  }
  return made
}

function typeNotes(tables: Tables, json: 'jsonb' | 'text'): TargetFinding[] {
  if (json === 'text') return []
  return ['return', 'full_ret'].flatMap((name) => {
    const type = tables.get('salt_returns')?.get(name)?.type
    return type === undefined || type === 'jsonb' ? [] : [note(`the column ${name} of salt_returns is ${type}, not jsonb: the returner "postgres" is made for that`)]
  })
}

/** Salt's minions need INSERT alone. */
async function rightFindings(connection: PgConnection, tables: Tables): Promise<TargetFinding[]> {
  if (!tables.has('salt_returns')) return []
  const [row] = await connection.query(`
    SELECT string_agg(name, ', ') AS rights, quote_ident(current_user) AS who
    FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) AS wanted(name) WHERE NOT has_table_privilege('salt_returns', name)`)
  const rights = row?.['rights']
  if (typeof rights !== 'string') return []
  return [{ kind: 'missing', text: `rights on salt_returns, without which a return that comes again cannot be found: GRANT ${rights} ON salt_returns TO ${String(row?.['who'])}` }]
}

async function hasKeyIndex(connection: PgConnection): Promise<boolean> {
  const rows = await connection.query(`
    SELECT 1 FROM pg_index i
    WHERE i.indrelid = to_regclass('salt_returns') AND i.indisvalid AND i.indpred IS NULL AND ARRAY['id', 'jid'] = ARRAY(
      SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum IN (i.indkey[0], i.indkey[1]) ORDER BY 1)`)
  return rows.length > 0
}

async function indexNotes(connection: PgConnection, tables: Tables): Promise<TargetFinding[]> {
  if (!tables.has('salt_returns') || await hasKeyIndex(connection)) return []
  return [note('there is no index on salt_returns (jid, id): storing slows down with the number of minions in one job; --create makes it')]
}

async function encodingNotes(connection: PgConnection): Promise<TargetFinding[]> {
  const [row] = await connection.query('SHOW server_encoding')
  const encoding = String(row?.['server_encoding'])
  return encoding === 'UTF8' ? [] : [note(`the database's encoding is ${encoding}: what it has no character for is refused for good; UTF8 has them all`)]
}
