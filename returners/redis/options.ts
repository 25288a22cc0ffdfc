import { secret, z } from '../contract.ts'
import { filePath, port, seconds } from '../lib/salt-values.ts'

const node = z.strictObject({ host: z.string().min(1), port: port(6379) })

export const options = z.strictObject({
  host: z.string().min(1).default('salt').describe('Server.'),
  port: port(6379).describe('Port.'),
  unix_socket_path: filePath().describe('Unix socket of the server, instead of host and port.'),
  db: z.union([z.int().min(0), z.string().regex(/^\d+$/, { error: 'expected the number of a database' })]).prefault('0').transform(Number).describe('Number of the database.'),
  username: z.string().optional().describe('User of an access control list. When not set, the default one.'),
  password: secret().optional().describe('Password.'),
  cluster_mode: z.boolean().default(false).describe('Whether the server is a cluster.'),
  'cluster.startup_nodes': z.array(node).default([]).describe('Some nodes of the cluster: a list of `{host: …, port: …}`.'),
  'cluster.skip_full_coverage_check': z.boolean().default(false).describe("Taken for Salt's sake, and without effect: nothing is checked that would need rights."),
  keep_jobs_seconds: z.int().min(0).default(86_400)
    .describe('How long keys live after they were written last, seconds; 0 is for ever. Also read from the top of the configuration, as in Salt.'),
  ssl: z.boolean().default(false).describe('Whether to use TLS.'),
  ssl_ca_certs: filePath().describe('File of the certificate authorities to trust, PEM. When not set, those that come with Node.'),
  ssl_certfile: filePath().describe('File of the client certificate, PEM.'),
  ssl_keyfile: filePath().describe("File of the client certificate's key, PEM."),
  ssl_verify: z.boolean().default(true).describe("Whether the server's certificate is verified."),
  connect_timeout: seconds(10).describe('Longest that connecting may take, seconds.'),
  timeout: seconds(30).describe('Longest that storing a batch, or one question, may take, seconds.'),
})

export type Options = z.output<typeof options>
