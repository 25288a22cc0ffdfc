import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/** A certificate for 127.0.0.1 and localhost, its own authority; PEM files. */
export interface ServerCertificate {
  cert: string
  key: string
}

/** Makes one, for as long as a test runs. */
export function serverCertificate(directory: string): ServerCertificate {
  const [cert, key] = [join(directory, 'server.pem'), join(directory, 'server.key')]
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', cert,
  ], { stdio: 'pipe' })
  return { cert, key }
}
