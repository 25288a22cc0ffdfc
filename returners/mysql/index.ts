import { defineReturner, JOB_CACHE } from '../contract.ts'
import { openSqlHandle } from '../lib/salt-sql-handle.ts'
import { schemaText } from '../lib/salt-tables.ts'
import { checkMysql } from './check.ts'
import { type Options, options } from './options.ts'
import { schema, schemaHead } from './schema.ts'
import { createMysqlStore } from './store.ts'

export default defineReturner<Options>({
  name: 'mysql',
  summary: 'Keeps returns in a MySQL or MariaDB database, readable as a job cache',
  options,
  delivery: 'upsert',
  masterMaySet: ['timeout', 'connect_timeout'],
  // The driver's code reads what a stranger sends: it must not be able to take the agent along.
  isolation: 'process',
  maxBatch: 500,
  jobCache: JOB_CACHE,
  drivers: ['mysql2'],
  topLevel: ['archive_jobs'],
  schema: schemaText(schemaHead, schema),
  deadlineSeconds: ({ timeout, connect_timeout }) => timeout + connect_timeout + 5,
  check: (settings, _context, { create }) => checkMysql(settings, create),
  open: (settings, context) => openSqlHandle(createMysqlStore(settings, context), context),
})
