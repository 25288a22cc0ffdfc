import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, type Server, serverDirectory, startServer } from './server.ts'

/** A Mosquitto that keeps queued messages on disk and lets everyone in, unless `config` says otherwise. */
export async function startMosquitto(settings: { config?: string[] } = {}): Promise<Server> {
  const directory = serverDirectory('mosquitto')
  const port = await freePort()
  const file = join(directory, 'mosquitto.conf')
  writeFileSync(file, [
    `listener ${port} 127.0.0.1`, 'persistence true', `persistence_location ${directory}/`, 'autosave_on_changes true', 'autosave_interval 1', 'log_dest stderr',
    'user root', ...settings.config ?? ['allow_anonymous true'], '',
  ].join('\n'))
  return await startServer({ program: 'mosquitto', directory, port, command: (path) => [path, '-c', file] })
}
