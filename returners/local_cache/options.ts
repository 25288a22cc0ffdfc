import { z } from '../contract.ts'

export const options = z.strictObject({
  cachedir: z.string().startsWith('/', { error: 'expected an absolute path' }).optional()
    .describe('The directory whose `jobs` holds the job cache. As in Salt, the `cachedir` of the minion (or the master) when left out.'),
  hash_type: z.enum(['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'], { error: 'expected md5, sha1, sha224, sha256, sha384 or sha512' })
    .default('sha256').describe('The hash that names the directory of a job. Must be the same for all who share the directory.'),
})

export type Options = z.output<typeof options>
