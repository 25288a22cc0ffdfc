import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, type Server, serverDirectory, startServer } from './server.ts'

/** A NATS server with JetStream, its streams on disk. `config` is what else stands in its configuration. */
export async function startNats(settings: { config?: (directory: string) => string[] } = {}): Promise<Server> {
  const directory = serverDirectory('nats')
  const port = await freePort()
  const file = join(directory, 'nats.conf')
  writeFileSync(file, [`listen: "127.0.0.1:${port}"`, `jetstream { store_dir: "${join(directory, 'streams')}" }`, ...settings.config?.(directory) ?? []].join('\n'))
  return await startServer({ program: 'nats', directory, port, command: (path) => [path, '-c', file] })
}
