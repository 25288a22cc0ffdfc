import { secret, z } from '../contract.ts'
import { tlsFileOptions } from '../lib/tls-files.ts'

export const options = z.strictObject({
  host: z.string().regex(/^[^\s/:@]+$|^\[[0-9a-fA-F:]+\]$/, { error: 'expected a host name or an address, without port' }).default('localhost')
    .describe('Host of the server.'),
  port: z.int().min(1).max(65_535).default(8086).describe('Its port.'),
  ssl: z.boolean().default(false).describe('Whether the server speaks TLS.'),
  verify_ssl: z.boolean().default(true).describe("Whether the server's certificate is verified."),
  ...tlsFileOptions,
  db: z.string().min(1).default('salt').describe('Database; of version 2 the bucket when `bucket` is left out.'),
  user: z.string().default('salt').describe('User of version 1.'),
  password: secret().optional().describe('Its password; `salt` when left out, as in Salt.'),
  retention_policy: z.string().min(1).optional().describe("Retention policy of version 1; the database's own when left out."),
  version: z.union([z.literal(1), z.literal(2)], { error: 'expected 1 or 2' }).default(1).describe('Version of the server: 2 writes to a bucket with a token.'),
  org: z.string().min(1).optional().describe('Organisation of version 2.'),
  bucket: z.string().min(1).optional().describe('Bucket of version 2.'),
  token: secret().optional().describe('Token of version 2.'),
  timeout: z.number().positive().max(600).default(30).describe('Longest a request may take, seconds.'),
}).superRefine((value, context) => {
  if (value.version === 1) return
  for (const name of ['org', 'token'] as const) {
    if (value[name] === undefined) context.addIssue({ code: 'custom', path: [name], message: 'version 2 needs it' })
  }
})

export type Options = z.output<typeof options>
