import { secret, z } from '../contract.ts'
import { tlsFileOptions } from '../lib/tls-files.ts'

export const options = z.strictObject({
  url: secret().describe('Where to send: http:// or https://, without user and password. A secret, since many hooks carry a token in it.'),
  method: z.enum(['POST', 'PUT', 'PATCH']).default('POST').describe('Request method.'),
  format: z.enum(['single', 'array']).default('single')
    .describe('`single` sends one request per return; `array` one per batch, as a JSON array.'),
  headers: z.record(z.string(), secret()).default({}).describe('More headers, name to value.'),
  key_header: z.string().regex(/^[A-Za-z0-9-]+$/, { error: 'expected a header name' }).default('Idempotency-Key')
    .describe('Header that carries the key, the same on every attempt (`single` only).'),
  username: z.string().optional().describe('User for basic authentication.'),
  password: secret().optional().describe('Password for basic authentication.'),
  token: secret().optional().describe('Bearer token.'),
  ...tlsFileOptions,
  verify: z.boolean().default(true).describe("Whether the server's certificate is verified."),
  timeout: z.number().positive().max(600).default(10).describe('Longest a request may take, seconds.'),
})

export type Options = z.output<typeof options>
