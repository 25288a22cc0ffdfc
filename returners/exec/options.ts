import { secret, z } from '../contract.ts'

export const options = z.strictObject({
  command: z.tuple([z.string().startsWith('/', { error: 'expected an absolute path' })], z.string())
    .describe('The program with its arguments, as a list. Started as it is: no shell reads it.'),
  cwd: z.string().startsWith('/', { error: 'expected an absolute path' }).default('/').describe('Directory the program starts in.'),
  env: z.record(z.string(), secret()).default({}).describe('More environment variables, name to value.'),
  long_lived: z.boolean().default(false).describe('Whether the program stays and takes batch after batch as lines of JSON. Else one is started for each return.'),
  timeout: z.number().positive().max(3000).default(30).describe('Longest the program may take for one return, or a long-lived one for a batch and for its start, seconds.'),
})

export type Options = z.output<typeof options>
