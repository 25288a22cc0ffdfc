import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, type Server, serverDirectory, startServer } from './server.ts'

export interface Influx extends Server {
  admin: string
  password: string
  /** Runs one statement as the administrator. */
  query(statement: string): Promise<unknown>
}

/** InfluxDB 1 with authentication on. */
export async function startInflux(): Promise<Influx> {
  const directory = serverDirectory('influxdb')
  const [port, rpc] = [await freePort(), await freePort()]
  const config = join(directory, 'influxdb.conf')
  for (const name of ['meta', 'data', 'wal']) mkdirSync(join(directory, name))
  writeFileSync(config, [
    'reporting-disabled = true', `bind-address = "127.0.0.1:${rpc}"`,
    '[meta]', `dir = "${join(directory, 'meta')}"`,
    '[data]', `dir = "${join(directory, 'data')}"`, `wal-dir = "${join(directory, 'wal')}"`, 'query-log-enabled = false',
    '[monitor]', 'store-enabled = false',
    '[http]', `bind-address = "127.0.0.1:${port}"`, 'auth-enabled = true', 'log-enabled = false', 'max-body-size = 104857600',
    '[subscriber]', 'enabled = false', '[continuous_queries]', 'enabled = false',
  ].join('\n'))
  const [admin, password] = ['root', 'its-admin-word']
  const server = await startServer({
    program: 'influxdb', directory, port, command: (path) => [path, 'run', '-config', config],
    answers: async () => (await fetch(`http://127.0.0.1:${port}/ping`).catch(() => null))?.status === 204,
  })
  const query = async (statement: string): Promise<unknown> => {
    const authorization = `Basic ${Buffer.from(`${admin}:${password}`).toString('base64')}`
    const body = new URLSearchParams({ q: statement })
    const reply = await fetch(`http://127.0.0.1:${port}/query`, { method: 'POST', headers: { authorization }, body })
    const text = await reply.text()
    if (!reply.ok || text.includes('"error"')) throw new Error(`${statement}: ${text}`)
    return JSON.parse(text)
  }
  await query(`CREATE USER ${admin} WITH PASSWORD '${password}' WITH ALL PRIVILEGES`)
  return { ...server, admin, password, query }
}
