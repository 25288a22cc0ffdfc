import { z } from '../contract.ts'

export const options = z.strictObject({
  database: z.string().refine((path) => path.startsWith('/'), { error: 'expected an absolute path' })
    .describe('The database file. Made when missing, with its tables; its directory must exist.'),
  timeout: z.number().min(0).max(600).default(5).describe('How long to wait for another writer, seconds.'),
})

export type Options = z.output<typeof options>
