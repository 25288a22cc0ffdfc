import { execFileSync } from 'node:child_process'
import { accessSync, constants, globSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** A server program that tests start, and where a machine gets it from. */
export interface Program {
  /** As its makers write it. */
  title: string
  /** Its file, searched in PATH, in the `sbin` directories and in `places`. */
  file: string
  /** Patterns of directories that Debian keeps out of PATH; the last one found is the newest. */
  places?: string
  /** Debian's packages. */
  packages: readonly string[]
  /** Arguments that make it print its version. Absent: `dpkg-query` is asked for that of its first package. */
  version?: readonly string[]
}

/** Every server that `npm run test:servers` starts from a program of the machine. */
export const PROGRAMS = {
  postgres: { title: 'PostgreSQL', file: 'postgres', places: '/usr/lib/postgresql/*/bin', packages: ['postgresql'], version: ['--version'] },
  mariadb: { title: 'MariaDB', file: 'mariadbd', packages: ['mariadb-server'], version: ['--version'] },
  redis: { title: 'Redis', file: 'redis-server', packages: ['redis-server'], version: ['--version'] },
  nats: { title: 'NATS', file: 'nats-server', packages: ['nats-server'], version: ['--version'] },
  // The one in PATH wants to be a service of Debian's; this is the program itself.
  rabbitmq: { title: 'RabbitMQ', file: 'rabbitmq-server', places: '/usr/lib/rabbitmq/bin', packages: ['rabbitmq-server'] },
  mosquitto: { title: 'Mosquitto', file: 'mosquitto', packages: ['mosquitto'] },
  // No broker of Kafka is packaged: the mock of its client library stands for one, and kcat reads it.
  kafka: { title: "librdkafka's mock of Kafka", file: 'kcat', packages: ['librdkafka1', 'kcat', 'python3'] },
  influxdb: { title: 'InfluxDB', file: 'influxd', packages: ['influxdb'], version: ['version'] },
  rsyslog: { title: 'rsyslog', file: 'rsyslogd', packages: ['rsyslog', 'rsyslog-gnutls'], version: ['-v'] },
  smtp: { title: 'aiosmtpd', file: 'aiosmtpd', packages: ['python3-aiosmtpd'] },
} as const satisfies Record<string, Program>

export type ProgramName = keyof typeof PROGRAMS

/** What Salt's own returner modules import, for `--salt`. */
export const SALT_DRIVERS = ['python3-psycopg2', 'python3-mysqldb', 'python3-redis'] as const

/** The path of a program of this machine; null when it has none. */
export function findProgram(name: ProgramName): string | null {
  const { file, places }: Program = PROGRAMS[name]
  const found = places === undefined ? [] : globSync(places).toSorted((one, other) => one.localeCompare(other, 'en', { numeric: true })).toReversed()
  const directories = [...found, ...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']
  return directories.map((directory) => join(directory, file)).find(isExecutable) ?? null
}

/** `15.18` of `postgres (PostgreSQL) 15.18 (Debian …)`. */
export function programVersion(name: ProgramName, path: string): string {
  const { version, packages }: Program = PROGRAMS[name]
  const text = version === undefined
    ? execFileSync('dpkg-query', ['-W', '-f', '${Version}', packages[0] ?? ''], { encoding: 'utf8' })
    : execFileSync(path, version, { encoding: 'utf8' })
  return /\d+(\.\d+)+/.exec(text)?.[0] ?? 'of an unknown version'
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
