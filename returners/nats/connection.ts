import type { NatsConnection, NodeConnectionOptions } from '@nats-io/transport-node'
import { bounded } from '../lib/bounded.ts'
import { loadDriver } from '../lib/driver.ts'
import { readTlsFiles } from '../lib/tls-files.ts'
import { untilAborted } from '../lib/until-aborted.ts'
import { natsError } from './errors.ts'
import type { Options } from './options.ts'

/** The driver's two packages. */
export async function loadNats() {
  const { jetstream, jetstreamManager } = await loadDriver('nats', '@nats-io/jetstream', () => import('@nats-io/jetstream'))
  const core = await loadDriver('nats', '@nats-io/transport-node', () => import('@nats-io/transport-node'))
  return { jetstream, jetstreamManager, core }
}

export type NatsDriver = Awaited<ReturnType<typeof loadNats>>

/** The servers, for messages. */
export function placeOf({ servers }: Options): string {
  return servers.join(', ')
}

/**
 * Connects to one of the servers. The driver does not reconnect: a connection that broke is thrown away.
 *
 * @throws OperatorError or Error (to be retried), never with a secret in it
 */
export async function connectNats({ core }: NatsDriver, settings: Options, signal: AbortSignal): Promise<NatsConnection> {
  const place = placeOf(settings)
  const tls = await tlsOf(settings)
  const wanted: NodeConnectionOptions = {
    servers: settings.servers.map((server) => server.replace(/^\w+:\/\//, '')),
    name: 'brine', reconnect: false, maxReconnectAttempts: 0, timeout: settings.connect_timeout * 1000, ...(tls !== undefined && { tls }), ...loginOf(core, settings),
  }
  try {
    return await bounded(settings.connect_timeout, place, signal, async (limited) => {
      const connecting = core.connect(wanted)
      // It cannot be called off, but ends by itself: then nobody waits for it any more.
      const hangUp = () => void connecting.then((late) => late.close()).catch(() => {})
      return untilAborted(connecting, limited, hangUp)
    })
  } catch (error) {
    throw natsError(place, error)
  }
}

/** Undefined: TLS where the server has it, with the authorities that come with Node. */
async function tlsOf(settings: Options): Promise<NodeConnectionOptions['tls']> {
  const { ca, cert, key, verify, servers } = settings
  const insists = servers.some((server) => server.startsWith('tls://')) || ca !== undefined || cert !== undefined || !verify
  if (!insists) return undefined
  const files = await readTlsFiles(settings)
  return {
    rejectUnauthorized: verify,
    ...(ca !== undefined && { ca: String(files.ca) }), ...(cert !== undefined && { cert: String(files.cert) }), ...(key !== undefined && { key: String(files.key) }),
  }
}

function loginOf(core: NatsDriver['core'], { username, password, token, credentials, nkey }: Options): NodeConnectionOptions {
  const bytes = (text: string) => new TextEncoder().encode(text)
  if (credentials !== undefined) return { authenticator: core.credsAuthenticator(bytes(credentials.reveal())) }
  if (nkey !== undefined) return { authenticator: core.nkeyAuthenticator(bytes(nkey.reveal().trim())) }
  if (token !== undefined) return { token: token.reveal() }
  if (username !== undefined) return { user: username, pass: password?.reveal() ?? '' }
  return {}
}
