import { serverCertificate, type ServerCertificate } from './certificate.ts'
import { freePort, type Server, serverDirectory, startServer } from './server.ts'

export interface Redis extends Server {
  /** The same server, behind TLS. */
  tlsPort: number
  certificate: ServerCertificate
}

/** An empty Redis that has every write on disk before it answers (`appendfsync always`), so that it keeps all when killed; more settings as its file has them. */
export async function startRedis(more: Record<string, string> = {}): Promise<Redis> {
  const directory = serverDirectory('redis')
  const certificate = serverCertificate(directory)
  const [port, tlsPort] = [await freePort(), await freePort()]
  const settings = {
    port: String(port), bind: '127.0.0.1', dir: directory, appendonly: 'yes', appendfsync: 'always', save: '',
    'tls-port': String(tlsPort), 'tls-cert-file': certificate.cert, 'tls-key-file': certificate.key, 'tls-auth-clients': 'no', ...more,
  }
  const server = await startServer({
    program: 'redis', directory, port, command: (path) => [path, ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])],
  })
  return { ...server, tlsPort, certificate }
}
