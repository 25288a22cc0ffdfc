import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { serverCertificate, type ServerCertificate } from './certificate.ts'
import { freePort, type Server, serverDirectory, startServer } from './server.ts'

/** Where a returner reaches a MariaDB: the user may do everything in every database. */
export interface MariaDb extends Server {
  user: string
  password: string
  /** An empty database. */
  database: string
  certificate: ServerCertificate
}

/** A new data directory with a user `salt` (password over TCP), TLS offered, and an empty database `salt`. */
export async function startMariaDb(): Promise<MariaDb> {
  const directory = serverDirectory('mariadb')
  const data = join(directory, 'data')
  const certificate = serverCertificate(directory)
  const port = await freePort()
  const account = process.getuid?.() === 0 ? ['--user=root'] : []
  execFileSync('mariadb-install-db', ['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db', ...account], { stdio: 'pipe' })
  const first = join(directory, 'first.sql')
  writeFileSync(first, [
    'CREATE DATABASE IF NOT EXISTS salt CHARACTER SET utf8mb4;',
    "CREATE USER IF NOT EXISTS salt@'%' IDENTIFIED BY 'secret';",
    "GRANT ALL ON *.* TO salt@'%' WITH GRANT OPTION;",
  ].join('\n'))
  const server = await startServer({
    program: 'mariadb', directory, port,
    command: (path) => [
      path, '--no-defaults', `--datadir=${data}`, `--port=${port}`, '--bind-address=127.0.0.1', `--socket=${join(directory, 'socket')}`,
      `--pid-file=${join(directory, 'pid')}`, '--innodb-buffer-pool-size=32M', `--init-file=${first}`,
      `--ssl-cert=${certificate.cert}`, `--ssl-key=${certificate.key}`, ...account,
    ],
  })
  return { ...server, user: 'salt', password: 'secret', database: 'salt', certificate }
}
