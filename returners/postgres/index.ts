import { defineReturner } from '../contract.ts'
import { asciiJson } from '../lib/json-text.ts'
import { pgReturner } from '../lib/pg/returner.ts'
import { type Options, options } from './options.ts'
import { schema, schemaHead } from './schema.ts'

export default defineReturner<Options>({
  ...pgReturner<Options>({
    name: 'postgres',
    // In ASCII: a database of any encoding takes it.
    flavour: { toColumn: asciiJson, toWholeColumn: asciiJson, fromColumn: (json) => JSON.parse(json) as unknown },
    json: 'text',
    schema,
    schemaHead,
    password: ({ passwd }) => passwd.reveal(),
  }),
  summary: 'Keeps returns as JSON text in a PostgreSQL database, readable as a job cache',
  options,
})
