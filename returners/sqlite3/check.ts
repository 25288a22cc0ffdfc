import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Database } from 'better-sqlite3'
import type { TargetFinding } from '../contract.ts'
import { note, TABLES } from '../lib/salt-tables.ts'
import { databaseError } from './errors.ts'
import type { Options } from './options.ts'
import { schema } from './schema.ts'

/** What is written and read of each table. */
const COLUMNS: Readonly<Record<(typeof TABLES)[number], readonly string[]>> = {
  salt_returns: ['fun', 'jid', 'id', 'fun_args', 'date', 'full_ret', 'success'],
  jids: ['jid', 'load'],
  salt_events: ['tag', 'data', 'alter_time', 'master_id'],
}

/** Looks at the file and its tables, which the first return makes; `create` makes them now. Columns of a table that is there are never touched. */
export async function checkDatabase({ database: path, timeout }: Options, create: boolean): Promise<TargetFinding[]> {
  if (!create && !existsSync(path) && existsSync(dirname(path))) return [note(`${path} is not there yet: the first return makes it, with its tables`)]
  const { default: open } = await import('better-sqlite3')
  try {
    const database = open(path, { timeout: timeout * 1000 })
    try {
      const before = columnsOf(database)
      if (create) database.exec(schema)
      return TABLES.flatMap((table): TargetFinding[] => {
        const columns = before.get(table)
        if (columns === undefined) return [create ? { kind: 'made', text: `the table ${table}` } : note(`the table ${table} is not there yet: the first return makes it`)]
        const missing = COLUMNS[table].filter((column) => !columns.has(column))
        return missing.length === 0 ? [] : [{ kind: 'missing', text: `columns of the table ${table} in ${path}: ${missing.join(', ')}` }]
      })
    } finally {
      database.close()
    }
  } catch (error) {
    throw databaseError(path, error)
  }
}

/** Table → its columns, as they stand in the file. */
function columnsOf(database: Database): Map<string, Set<string>> {
  const rows = database.prepare<[], { table: string; column: string }>(
    "SELECT t.name AS \"table\", c.name AS \"column\" FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c WHERE t.type = 'table'",
  ).all()
  const tables = new Map<string, Set<string>>()
  for (const { table, column } of rows) tables.set(table, (tables.get(table) ?? new Set<string>()).add(column))
  return tables
}
