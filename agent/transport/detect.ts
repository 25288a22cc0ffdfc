import { requestEndpoint } from './address.ts'
import { TransportError } from './port.ts'
import { probeTransport } from './probe.ts'
import type { RequestSocket, Transport } from './port.ts'
import type { TransportKind, TransportSettings } from './settings.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'

/**
 * Salt's `transport: detect`. The master is asked which transport it speaks before a request socket is opened, until a reply has proven the
 * answer; then it is remembered.
 *
 *   asking   every new request socket is preceded by a probe. Leads to proven by a reply.
 *   proven   sockets are opened without asking. Leads to asking when one cannot be opened, or ends without a single reply: the master may
 *            have been set up anew.
 *
 * `make` gives the transport of a kind.
 */
export function createDetectingTransport(settings: TransportSettings, { clock, log }: { clock: Clock; log: Logger }, make: (kind: TransportKind) => Transport): Transport {
  let found: { kind: TransportKind; transport: Transport } | undefined
  let isProven = false

  async function transport(signal: AbortSignal): Promise<Transport> {
    if (found !== undefined && isProven) return found.transport
    const kind = await probeTransport(requestEndpoint(settings), settings, clock, signal)
    if (kind !== found?.kind) {
      log.info({ transport: kind }, 'the transport of the master was detected')
      found = { kind, transport: make(kind) }
    }
    return found.transport
  }

  function watched(socket: RequestSocket): RequestSocket {
    let hasAnswered = false
    socket.onClose(() => {
      if (!hasAnswered) isProven = false
    })
    return {
      ...socket,
      async request(...asked) {
        const reply = await socket.request(...asked)
        hasAnswered = true
        isProven = true
        return reply
      },
    }
  }

  return {
    /** While nothing is known, what every transport takes. */
    get maxRequestBytes() {
      return found?.transport.maxRequestBytes ?? make('ws').maxRequestBytes
    },
    async openRequests(signal) {
      const chosen = await transport(signal)
      try {
        return watched(await chosen.openRequests(signal))
      } catch (error) {
        isProven = false
        throw error
      }
    },
    openPublications(...wanted) {
      if (found === undefined) return Promise.reject(new TransportError('CLOSED', 'the transport of the master is not known yet'))
      return found.transport.openPublications(...wanted)
    },
  }
}
