import { z } from '../contract.ts'

export const options = z.strictObject({
  filename: z.string().startsWith('/', { error: 'expected an absolute path' }).default('/var/log/salt/events')
    .describe('File that gets one line per return. Made when missing, with its directory.'),
})

export type Options = z.output<typeof options>
