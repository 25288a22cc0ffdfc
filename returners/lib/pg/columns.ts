import { TABLES, type Tables, tablesOf } from '../salt-tables.ts'
import type { PgConnection } from './connection.ts'

// The catalogue itself: the information schema hides what the user may not use, and "missing" would be the wrong word for that.
const COLUMNS_QUERY = `
SELECT t.name AS "table", a.attname::text AS "column", format_type(a.atttypid, NULL) AS type,
       CASE WHEN a.atttypid = 'varchar'::regtype AND a.atttypmod > 4 THEN a.atttypmod - 4 END AS width
FROM unnest(ARRAY['${TABLES.join("','")}']) AS t(name)
JOIN pg_attribute a ON a.attrelid = to_regclass(t.name) AND a.attnum > 0 AND NOT a.attisdropped`

/** Reads which of Salt's tables there are, on the user's search path. */
export async function readTables(connection: PgConnection): Promise<Tables> {
  const rows = await connection.query(COLUMNS_QUERY)
  return tablesOf(rows.map((row) => ({
    table: String(row['table']), column: String(row['column']), type: String(row['type']), width: typeof row['width'] === 'number' ? row['width'] : null,
  })))
}
