/** What `brine config check` and the start of the minion tell about the masters of a configuration. */
import type { LoadedConfig } from '../config/load.ts'
import type { Problem } from '../config/problems.ts'
import { tlsMapOf } from '../config/tls-option.ts'
import { transportSettings } from './minion/transport-settings.ts'
import { publishEndpoint } from './transport/address.ts'
import { transportOf } from './transport/select.ts'
import { whyNoZeromq } from './transport/zeromq.ts'

const ADDRESS_ADVICE = 'write a host, host:port, wss://host:port/path or tls://host:port'

/** A problem for each master whose address can never be reached, since it is none, and for what does not fit its transport. */
export function checkMasters(loaded: LoadedConfig): Problem[] {
  return [...loaded.config.master.flatMap((master) => checkMaster(loaded, master)), ...checkTls(loaded), ...checkZeromq(loaded)]
}

function checkZeromq({ config, sources }: LoadedConfig, missing = whyNoZeromq()): Problem[] {
  if (config.transport !== 'zeromq' || missing === undefined) return []
  return [{ severity: 'error', source: sources.of(['transport']), option: 'transport', what: missing }]
}

function checkMaster({ config, raw, sources }: LoadedConfig, master: string): Problem[] {
  const settings = transportSettings(config, master)
  const problem = (option: string, path: string[], error: unknown, advice: string): Problem[] => [
    { severity: 'error', source: sources.of(path), option, what: error instanceof Error ? error.message : String(error), advice },
  ]
  try {
    transportOf(settings)
  } catch (error) {
    const index = Array.isArray(raw['master']) ? raw['master'].findIndex((item) => String(item).trim() === master) : -1
    return problem('master', index < 0 ? ['master'] : ['master', String(index)], error, ADDRESS_ADVICE)
  }
  try {
    const { kind } = publishEndpoint(settings, config.publish_port)
    const wanted = transportOf(settings)
    if (kind === undefined || settings.publishUrl === undefined || wanted === kind || wanted === 'detect') return []
    throw new Error(`${settings.publishUrl} is an address of ${kind}, but the requests go over ${wanted}`)
  } catch (error) {
    return problem('publish_url', ['publish_url'], error, 'write wss://host:port/path or tls://host:port')
  }
}

/** As in Salt the option is passed over on ZeroMQ, which has no TLS; here it is said before the start. */
function checkTls({ config, sources }: LoadedConfig): Problem[] {
  const tls = tlsMapOf(config.ssl)
  if (tls === undefined) return []
  const at = { source: sources.of(['ssl']), option: 'ssl' } as const
  if (config.transport === 'zeromq') return [{ severity: 'warning', ...at, what: 'has no effect: ZeroMQ has no TLS', advice: 'set transport: tcp or ws here and on the master' }]
  if (tls.cert_reqs === 'CERT_NONE') {
    return [{ severity: 'warning', ...at, what: 'cert_reqs: CERT_NONE checks neither chain nor host name', advice: 'name the authority in ca_certs' }]
  }
  return []
}
