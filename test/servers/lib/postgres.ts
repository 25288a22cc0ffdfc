import { execFileSync } from 'node:child_process'
import { chownSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { asUser, freePort, type Server, serverDirectory, startServer } from './server.ts'
import { findProgram } from './programs.ts'
import { serverCertificate, type ServerCertificate } from './certificate.ts'

/** Where a returner reaches a PostgreSQL: its owner may do everything. */
export interface Postgres extends Server {
  user: string
  password: string
  /** An empty database. */
  database: string
  certificate: ServerCertificate
}

/** A new cluster with passwords over TCP (scram-sha-256), TLS offered, and one empty database `salt`. */
export async function startPostgres(): Promise<Postgres> {
  const program = findProgram('postgres')
  if (program === null) throw new Error('no postgres on this machine: scripts/servers --install')
  const directory = serverDirectory('postgres')
  const data = join(directory, 'data')
  const certificate = serverCertificate(directory)
  // It refuses root, and a key that is not its own.
  const owner = process.getuid?.() === 0 ? 'postgres' : undefined
  if (owner !== undefined) for (const path of [directory, certificate.key]) giveTo(owner, path)
  const bin = dirname(program)
  const passwords = join(directory, 'password')
  writeFileSync(passwords, 'secret\n', { mode: 0o644 })
  const init = [join(bin, 'initdb'), '-D', data, '-U', 'salt', '--auth=scram-sha-256', `--pwfile=${passwords}`, '--encoding=UTF8', '--locale=C.UTF-8']
  const [first = '', ...rest] = asUser(init, owner)
  execFileSync(first, rest, { cwd: '/', stdio: 'pipe' })
  const port = await freePort()
  const settings = {
    port: String(port), listen_addresses: '127.0.0.1', unix_socket_directories: directory, max_connections: '50',
    ssl: 'on', ssl_cert_file: certificate.cert, ssl_key_file: certificate.key, shared_buffers: '32MB',
  }
  const answers = async () => ready(join(bin, 'pg_isready'), port)
  const server = await startServer({
    program: 'postgres', directory, port, user: 'postgres', answers,
    command: (path) => [path, '-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
  })
  const env = { ...process.env, PGPASSWORD: 'secret' }
  execFileSync(join(bin, 'createdb'), ['-h', '127.0.0.1', '-p', String(port), '-U', 'salt', 'salt'], { env, stdio: 'pipe' })
  return { ...server, user: 'salt', password: 'secret', database: 'salt', certificate }
}

function ready(program: string, port: number): boolean {
  try {
    execFileSync(program, ['-q', '-h', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function giveTo(user: string, path: string): void {
  const [uid, gid] = ['-u', '-g'].map((flag) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' })))
  chownSync(path, uid ?? 0, gid ?? 0)
}
