/** From Salt's option `transport` to the transport itself: the one place that knows them all. */
import { requestEndpoint } from './address.ts'
import { createDetectingTransport } from './detect.ts'
import { TransportError } from './port.ts'
import { createTcpTransport } from './tcp.ts'
import { createWsTransport } from './ws.ts'
import { createZeromqTransport, loadZeromq } from './zeromq.ts'
import type { Transport } from './port.ts'
import type { TransportKind, TransportSettings } from './settings.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'

const MAKERS: Readonly<Record<TransportKind, (settings: TransportSettings, clock: Clock) => Transport>> = {
  ws: createWsTransport,
  tcp: createTcpTransport,
  zeromq: createLoadedZeromq,
}

/** The transport to one master; nothing is opened yet. @throws Error when the address is none, or names another transport than the settings. */
export function createTransport(settings: TransportSettings, parts: { clock: Clock; log: Logger }): Transport {
  const kind = transportOf(settings)
  if (kind === 'detect') return createDetectingTransport(settings, parts, (detected) => MAKERS[detected](settings, parts.clock))
  return MAKERS[kind](settings, parts.clock)
}

/** The transport that settings and address agree on; the address decides where the option leaves it open. @throws Error when they do not agree. */
export function transportOf(settings: Pick<TransportSettings, 'transport' | 'master' | 'publishUrl' | 'isTls'>): TransportSettings['transport'] {
  const { transport, master } = settings
  const { kind } = requestEndpoint(settings)
  if (kind === undefined || kind === transport) return transport
  if (transport === 'detect') return kind
  throw new Error(`${master} is an address of ${kind}, but transport is ${transport}`)
}

/** ZeroMQ's package comes with the first socket. While it is missing every one is UNREACHABLE, with what to do. */
function createLoadedZeromq(settings: TransportSettings, clock: Clock): Transport {
  const { idleMs, count, intervalMs } = settings.keepAlive ?? {}
  const own = {
    ...settings,
    ...(idleMs !== undefined && { keepAliveMs: idleMs }),
    ...(count !== undefined && { keepAliveProbes: count }),
    ...(intervalMs !== undefined && { keepAliveProbeMs: intervalMs }),
  }
  let made: Transport | undefined
  const loaded = async (): Promise<Transport> => {
    try {
      return (made ??= createZeromqTransport(await loadZeromq(), own, clock))
    } catch (error) {
      throw new TransportError('UNREACHABLE', error instanceof Error ? error.message : String(error), { cause: error })
    }
  }
  return {
    maxRequestBytes: Infinity,
    openRequests: async (signal) => (await loaded()).openRequests(signal),
    openPublications: async (...wanted) => (await loaded()).openPublications(...wanted),
  }
}
