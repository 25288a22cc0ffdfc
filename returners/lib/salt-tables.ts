import { OperatorError, type TargetFinding } from '../contract.ts'

/** Salt's tables, as its SQL returners share them. */
export const TABLES = ['salt_returns', 'jids', 'salt_events'] as const

export type TableName = (typeof TABLES)[number]

/** One column of a table as it stands in the database. */
export interface Column {
  type: string
  /** How many characters it takes; null when there is no limit that matters. */
  width: number | null
}

/** Table → column → what it is. A table that is not there has no entry. */
export type Tables = ReadonlyMap<string, ReadonlyMap<string, Column>>

/** What is written, and what the database fills in. */
const COLUMNS: Readonly<Record<TableName, readonly string[]>> = {
  salt_returns: ['fun', 'jid', 'return', 'id', 'success', 'full_ret', 'alter_time'],
  jids: ['jid', 'load'],
  salt_events: ['tag', 'data', 'alter_time', 'master_id'],
}

/** The statements that make each table, each harmless where its object is there already. */
export type Schema = Readonly<Record<TableName, readonly string[]>>

/** The whole as a file. */
export function schemaText(head: string, schema: Schema): string {
  return [head, ...TABLES.flatMap((table) => schema[table].map((statement) => `${statement};`))].join('\n')
}

/** The index on (jid, id) by which a return that comes again is found. */
export const KEY_INDEX = 'brine_returns_key'

/** Collects what a catalogue says of each column. */
export function tablesOf(rows: Iterable<{ table: string; column: string } & Column>): Tables {
  const tables = new Map<string, Map<string, Column>>()
  for (const { table, column, type, width } of rows) {
    const columns = tables.get(table) ?? new Map<string, Column>()
    columns.set(column, { type, width })
    tables.set(table, columns)
  }
  return tables
}

/** What is missing of one table, as the beginning of a sentence; null when nothing is. */
function missingOf(tables: Tables, table: TableName): string | null {
  const columns = tables.get(table)
  if (columns === undefined) return `the table ${table} is missing`
  const missing = COLUMNS[table].filter((name) => !columns.has(name))
  if (missing.length === 0) return null
  const [noun, verb] = missing.length === 1 ? ['column', 'is'] : ['columns', 'are']
  return `the ${noun} ${missing.join(', ')} of the table ${table} ${verb} missing`
}

/**
 * The columns of salt_returns.
 *
 * @throws OperatorError that says exactly what is missing for storing returns
 */
export function expectReturns(tables: Tables, returner: string, place: string): ReadonlyMap<string, Column> {
  const missing = missingOf(tables, 'salt_returns')
  const columns = tables.get('salt_returns')
  if (missing === null && columns !== undefined) return columns
  const advice = columns === undefined ? `"brine returner check ${returner} --create" makes it` : `"brine returner show ${returner} --schema" has them all`
  throw new OperatorError(`${place}: ${missing ?? ''}; ${advice}`)
}

/** What is missing, and which columns are narrower than they should be. */
export function tableFindings(tables: Tables): TargetFinding[] {
  return [...TABLES.flatMap((table) => missingFinding(tables, table)), ...widthNotes(tables)]
}

function missingFinding(tables: Tables, table: TableName): TargetFinding[] {
  const what = missingOf(tables, table)
  if (what === null) return []
  if (table === 'salt_returns') return [{ kind: 'missing', text: what }]
  return [note(`${what}: returns are stored without, a master's ${table === 'jids' ? 'loads' : 'events'} are not`)]
}

function widthNotes(tables: Tables): TargetFinding[] {
  const fun = tables.get('salt_returns')?.get('fun')?.width ?? null
  const jid = tables.get('jids')?.get('jid')?.width ?? null
  const notes: string[] = []
  if (fun !== null && fun < 255) {
    notes.push(`the column fun of salt_returns takes ${fun} characters: longer ones, as those of jobs with several functions, are cut there and whole in full_ret`)
  }
  if (jid !== null && jid < 32) notes.push(`the column jid of jids takes ${jid} characters: job ids of a master with unique_jid are longer`)
  return notes.map(note)
}

/** Worth knowing, and no hindrance. */
export function note(text: string): TargetFinding {
  return { kind: 'advice', text }
}

/** A name of a function as its column takes it. It is in `full_ret`, too: cutting it loses nothing, refusing the return would. */
export function fittedFunction(fun: string, columns: ReadonlyMap<string, Column>): string {
  const width = columns.get('fun')?.width ?? null
  return width === null ? fun : fun.slice(0, width).toWellFormed()
}
