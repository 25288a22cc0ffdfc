import { secret, z } from '../contract.ts'
import { tlsFileOptions } from '../lib/tls-files.ts'

export const options = z.strictObject({
  token: secret().describe('Token of the HTTP Event Collector.'),
  indexer: z.string().regex(/^[^\s/:@]+$|^\[[0-9a-fA-F:]+\]$/, { error: 'expected a host name or an address, without port' })
    .describe('Host of the collector.'),
  port: z.int().min(1).max(65_535).default(8088).describe('Its port.'),
  ssl: z.boolean().default(true).describe('Whether the collector speaks TLS.'),
  verify_ssl: z.boolean().default(true).describe("Whether the collector's certificate is verified."),
  ...tlsFileOptions,
  index: z.string().min(1).optional().describe("Index that gets the events; the token's own when left out."),
  sourcetype: z.string().min(1).optional().describe("Source type of the events; the token's own when left out."),
  source: z.string().min(1).optional().describe("Source of the events; the token's own when left out."),
  host: z.string().min(1).optional().describe('Host of the events; the name of this host when left out, as in Salt.'),
  timeout: z.number().positive().max(600).default(30).describe('Longest a request may take, seconds.'),
})

export type Options = z.output<typeof options>
