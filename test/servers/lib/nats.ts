import { join } from 'node:path'
import { freePort, type Server, serverDirectory, startServer } from './server.ts'

/** A NATS server with JetStream, its streams on disk. */
export async function startNats(settings: { args?: string[] } = {}): Promise<Server> {
  const directory = serverDirectory('nats')
  const port = await freePort()
  return await startServer({
    program: 'nats', directory, port,
    command: (path) => [path, '-a', '127.0.0.1', '-p', String(port), '-js', '-sd', join(directory, 'streams'), ...settings.args ?? []],
  })
}
