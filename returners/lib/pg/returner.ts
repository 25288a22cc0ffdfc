import { JOB_CACHE, type ReturnerDefinition, type TargetFinding } from '../../contract.ts'
import { openSqlHandle } from '../salt-sql-handle.ts'
import { type Schema, schemaText } from '../salt-tables.ts'
import { checkPg } from './check.ts'
import type { PgTarget } from './connection.ts'
import type { PgSettings } from './options.ts'
import { createPgStore, type PgFlavour } from './store.ts'

/** What makes a returner for PostgreSQL out of the common half. */
export interface PgReturner<Options extends PgSettings> {
  name: string
  flavour: PgFlavour
  /** Type of the columns of values. */
  json: 'jsonb' | 'text'
  schema: Schema
  schemaHead: string
  password(options: Options): string
}

type CommonHalf<Options> = Omit<ReturnerDefinition<Options>, 'summary' | 'options'>

/** All of a definition but what it is called and which options it has. */
export function pgReturner<Options extends PgSettings>(own: PgReturner<Options>): CommonHalf<Options> {
  const targetOf = (settings: Options): PgTarget => ({ returner: own.name, settings, password: own.password(settings) })
  return {
    name: own.name,
    delivery: 'upsert',
    masterMaySet: ['timeout', 'connect_timeout'],
    // The driver's code reads what a stranger sends: it must not be able to take the agent along.
    isolation: 'process',
    maxBatch: 500,
    jobCache: JOB_CACHE,
    drivers: ['pg'],
    topLevel: ['archive_jobs'],
    schema: schemaText(own.schemaHead, own.schema),
    deadlineSeconds: ({ timeout, connect_timeout }) => timeout + connect_timeout + 5,
    check: (settings, _context, { create }): Promise<TargetFinding[]> => checkPg(targetOf(settings), own.schema, own.json, create),
    open: (settings, context) => openSqlHandle(createPgStore(targetOf(settings), own.flavour, context), context),
  }
}
