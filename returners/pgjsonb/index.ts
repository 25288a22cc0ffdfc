import { defineReturner } from '../contract.ts'
import { fromJsonb, jsonbText, jsonbWholeText } from '../lib/jsonb.ts'
import { pgReturner } from '../lib/pg/returner.ts'
import { type Options, options } from './options.ts'
import { schema, schemaHead } from './schema.ts'

export default defineReturner<Options>({
  ...pgReturner<Options>({
    name: 'pgjsonb',
    flavour: { toColumn: jsonbText, toWholeColumn: jsonbWholeText, fromColumn: fromJsonb },
    json: 'jsonb',
    schema,
    schemaHead,
    password: ({ pass }) => pass.reveal(),
  }),
  summary: 'Keeps returns as jsonb in a PostgreSQL database, readable as a job cache',
  options,
})
