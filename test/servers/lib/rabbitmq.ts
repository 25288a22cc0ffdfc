import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, type Server, serverDirectory, startServer } from './server.ts'

export interface RabbitMq extends Server {
  user: string
  password: string
}

/** A broker of one node with the user `guest` that RabbitMQ makes itself, and its own port mapper, so that others' nodes stay out of its way. */
export async function startRabbitMq(settings: { config?: string[] } = {}): Promise<RabbitMq> {
  const directory = serverDirectory('rabbitmq')
  const [port, mapper, distribution] = [await freePort(), await freePort(), await freePort()]
  const config = join(directory, 'rabbitmq.conf')
  writeFileSync(config, [`listeners.tcp.default = 127.0.0.1:${port}`, 'loopback_users = none', ...settings.config ?? []].join('\n'))
  const plugins = join(directory, 'plugins')
  writeFileSync(plugins, '[].')
  const server = await startServer({
    program: 'rabbitmq', directory, port,
    // The port mapper would go into the background and survive: in front of the server it is one of its group.
    command: (path) => ['/bin/sh', '-c', `epmd -port ${mapper} -address 127.0.0.1 & exec '${path}'`],
    environment: {
      HOME: directory, ERL_EPMD_PORT: String(mapper), RABBITMQ_NODENAME: `brine-${port}@localhost`, RABBITMQ_DIST_PORT: String(distribution),
      RABBITMQ_MNESIA_BASE: join(directory, 'data'), RABBITMQ_LOGS: '-', RABBITMQ_CONFIG_FILE: config, RABBITMQ_ENABLED_PLUGINS_FILE: plugins,
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 1:1 -kernel inet_dist_use_interface {127,0,0,1}',
    },
  })
  return { ...server, user: 'guest', password: 'guest' }
}
