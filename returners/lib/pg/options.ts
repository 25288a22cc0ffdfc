import { secret, z } from '../../contract.ts'
import { archiveJobs, filePath, isNone, port, seconds } from '../salt-values.ts'

const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full']

/** Options that both returners for PostgreSQL have; the password has another name in each, as in Salt. */
export const pgOptions = {
  host: z.string().min(1).default('localhost').describe('Server, or the directory of its Unix socket.'),
  port: port(5432).describe('Port.'),
  user: z.string().default('salt').describe('User.'),
  db: z.string().min(1).default('salt').describe('Database.'),
  sslmode: z.string().refine((mode) => isNone(mode) || SSL_MODES.includes(mode), { error: `expected one of ${SSL_MODES.join(', ')}` }).optional()
    .describe('TLS, as in libpq: `disable`, `allow` or `prefer` (TLS if the server has it; when not set), `require` (without looking at the '
      + 'certificate, unless `sslrootcert` is set), `verify-ca`, `verify-full`.'),
  sslcert: filePath().describe('File of the client certificate, PEM.'),
  sslkey: filePath().describe("File of the client certificate's key, PEM."),
  sslrootcert: filePath().describe('File of the certificate authorities to trust, PEM. When not set, those that come with Node.'),
  sslcrl: filePath().describe('File of revoked certificates, PEM.'),
  connect_timeout: seconds(10).describe('Longest that connecting may take, seconds.'),
  timeout: seconds(30).describe('Longest that storing a batch, or one question, may take, seconds.'),
  archive_jobs: archiveJobs,
}

/** The password, by the name that the returner gives it. */
export function pgPassword() {
  return secret().prefault('salt').describe('Password.')
}

/** What both have in common after parsing. */
export interface PgSettings {
  host: string
  port: number
  user: string
  db: string
  sslmode?: string | undefined
  sslcert?: string | undefined
  sslkey?: string | undefined
  sslrootcert?: string | undefined
  sslcrl?: string | undefined
  connect_timeout: number
  timeout: number
  archive_jobs: boolean
}
