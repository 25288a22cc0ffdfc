/** Returns per second that are stored through the whole path, beside what the bare driver does with the same rows in the same run. */
import { join } from 'node:path'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { builtInReturners } from '../../../returners/registry.ts'
import { startMariaDb } from '../../../test/servers/lib/mariadb.ts'
import { startNats } from '../../../test/servers/lib/nats.ts'
import { startPostgres } from '../../../test/servers/lib/postgres.ts'
import { findProgram, type ProgramName, PROGRAMS } from '../../../test/servers/lib/programs.ts'
import { startRedis } from '../../../test/servers/lib/redis.ts'
import { percent, rate, type Row as Figure } from '../figures.ts'
import { type Bare, bareFile, bareMariaDb, bareNats, barePostgres, bareRedis, rowsFrom } from './bare.ts'
import { openPath, storedPerSecond } from './path.ts'

/** A running server, with the returner's options for it. */
interface Ready {
  options: Record<string, unknown>
  bare(): Promise<Bare>
  stop(): Promise<void>
}

interface Target {
  returner: string
  title: string
  /** Null for one that needs no server. */
  program: ProgramName | null
  start(): Promise<Ready>
}

const targets: readonly Target[] = [
  {
    returner: 'pgjsonb', title: 'PostgreSQL', program: 'postgres',
    async start() {
      const server = await startPostgres()
      const { host, port, user, password, database } = server
      return { options: { host, port, user, pass: password, db: database }, bare: () => barePostgres(server), stop: () => server.stop() }
    },
  },
  {
    returner: 'mysql', title: 'MariaDB', program: 'mariadb',
    async start() {
      const server = await startMariaDb()
      const { host, port, user, password, database } = server
      return { options: { host, port, user, pass: password, db: database }, bare: () => bareMariaDb(server), stop: () => server.stop() }
    },
  },
  {
    returner: 'redis', title: 'Redis', program: 'redis',
    async start() {
      const server = await startRedis()
      return { options: { host: server.host, port: server.port }, bare: () => bareRedis(server), stop: () => server.stop() }
    },
  },
  {
    returner: 'nats', title: 'NATS', program: 'nats',
    async start() {
      const server = await startNats()
      const servers = [`nats://${server.host}:${server.port}`]
      const connection = await connect({ servers })
      await (await jetstreamManager(connection)).streams.add({ name: 'SALT_RETURNS', subjects: ['salt.returns.>'] })
      await connection.close()
      return { options: { servers }, bare: () => bareNats(server), stop: () => server.stop() }
    },
  },
  {
    returner: 'rawfile_json', title: 'a file', program: null,
    start: async () => ({ options: {}, bare: () => Promise.reject(new Error('its place is not known yet')), stop: async () => {} }),
  },
]

/** One figure for each target; one that is not there says so. */
export async function measureStores(count: number): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const target of targets) figures.push(await figureOf(target, count))
  return figures
}

async function figureOf(target: Target, count: number): Promise<Figure> {
  const what = `${target.returner} into ${target.title}`
  const absent = (why: string): Figure => ({ what: `${what}: ${why}`, ours: '–', beside: '–', ratio: '–', aim: '≥ 70 %' })
  if (!Object.hasOwn(builtInReturners, target.returner)) return absent('no such returner yet')
  if (target.program !== null && findProgram(target.program) === null) return absent(`no ${PROGRAMS[target.program].title} here: scripts/servers --install`)
  const server = await target.start()
  try {
    const { ours, bare } = await measure(target.returner, server, count)
    return { what, ours: rate(ours), beside: rate(bare), ratio: percent(ours / bare), aim: '≥ 70 %' }
  } finally {
    await server.stop()
  }
}

/** Each warmed up by a tenth of the returns. */
async function measure(returner: string, server: Ready, count: number): Promise<{ ours: number; bare: number }> {
  const config: Record<string, unknown> = { [returner]: server.options }
  const path = await openPath(config)
  try {
    if (returner === 'rawfile_json') config[returner] = { filename: join(path.directory, 'returns') }
    const made = await path.host.look(returner, {}, true)
    if (!made.ok) throw new Error(`${returner}: ${made.error}`)
    const batch = path.host.list().some(({ name }) => name === returner) ? ((await path.host.describe(returner)).description?.maxBatch ?? 1) : 1
    const warm = Math.ceil(count / 10)
    await storedPerSecond(path, returner, warm, 0)
    const ours = await storedPerSecond(path, returner, count, 1_000_000)
    const bare = returner === 'rawfile_json' ? await bareFile(join(path.directory, 'bare')) : await server.bare()
    try {
      await bareRate(bare, warm, batch, 10_000_000)
      return { ours, bare: await bareRate(bare, count, batch, 20_000_000) }
    } finally {
      await bare.close()
    }
  } finally {
    await path.close()
  }
}

async function bareRate(bare: Bare, count: number, batch: number, first: number): Promise<number> {
  const from = performance.now()
  for (let done = 0; done < count; done += batch) await bare.store(rowsFrom(first + done, Math.min(batch, count - done)))
  return count / ((performance.now() - from) / 1000)
}
