import { secret, z } from '../contract.ts'
import { archiveJobs, filePath, port, seconds } from '../lib/salt-values.ts'

export const options = z.strictObject({
  host: z.string().min(1).default('salt').describe('Server.'),
  port: port(3306).describe('Port.'),
  unix_socket: filePath().describe('Unix socket of the server, instead of host and port. (For Salt the host `localhost` means the socket; here it is TCP.)'),
  user: z.string().default('salt').describe('User.'),
  pass: secret().prefault('salt').describe('Password.'),
  db: z.string().min(1).default('salt').describe('Database.'),
  ssl_ca: filePath().describe('File of the certificate authorities to trust, PEM. With it, or one of the next two, TLS is used.'),
  ssl_cert: filePath().describe('File of the client certificate, PEM.'),
  ssl_key: filePath().describe("File of the client certificate's key, PEM."),
  ssl: z.boolean().default(false).describe('Use TLS without any of these files: the authorities that come with Node are trusted.'),
  ssl_verify_cert: z.boolean().default(true).describe("Whether the server's certificate must be vouched for."),
  ssl_verify_identity: z.boolean().default(false).describe("Whether it must be for the host's name. Salt does not look."),
  connect_timeout: seconds(10).describe('Longest that connecting may take, seconds.'),
  timeout: seconds(30).describe('Longest that storing a batch, or one question, may take, seconds.'),
  archive_jobs: archiveJobs,
})

export type Options = z.output<typeof options>
