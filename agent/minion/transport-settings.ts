/** The options about sockets as the transports want them. */
import type { MinionConfig } from '../../config/schema.ts'
import { tlsMapOf, type TlsOption } from '../../config/tls-option.ts'
import type { KeepAliveSettings, TransportSettings } from '../transport/settings.ts'
import type { TlsSettings } from '../transport/tls.ts'

/** Longer silences would leave a dead master unnoticed. */
const LONGEST_IDLE_MS = 20_000

/** The options that are read here. */
export type TransportOptions = Pick<
  MinionConfig,
  | 'id' | 'transport' | 'master_port' | 'publish_url' | 'ssl' | 'auth_timeout' | 'tcp_keepalive' | 'tcp_keepalive_idle' | 'tcp_keepalive_intvl'
  | 'tcp_keepalive_cnt' | 'zmq_filtering' | 'ipv6' | 'source_interface_name' | 'source_address'
>

/** The sockets to one of the configured masters. */
export function transportSettings(config: TransportOptions, master: string): TransportSettings {
  const tls = tlsMapOf(config.ssl)
  const publishUrl = typeof config.publish_url === 'string' ? config.publish_url : config.publish_url?.[master]
  return {
    transport: config.transport,
    master,
    masterPort: config.master_port,
    ...(publishUrl !== undefined && { publishUrl }),
    isTls: tls !== undefined,
    ...(tls !== undefined && { tls: tlsSettings(tls) }),
    minionId: config.id,
    connectTimeoutMs: 2 * config.auth_timeout,
    keepAlive: keepAliveSettings(config),
    filtering: config.zmq_filtering,
    ...(config.ipv6 !== null && { ipv6: config.ipv6 }),
    ...sourceOf(config),
  }
}

function sourceOf({ source_interface_name: interfaceName, source_address: address }: TransportOptions): Pick<TransportSettings, 'source'> {
  if (interfaceName !== '') return { source: { interfaceName } }
  return address === '' ? {} : { source: { address } }
}

function keepAliveSettings(config: TransportOptions): KeepAliveSettings {
  const { tcp_keepalive: isOn, tcp_keepalive_idle: idleMs, tcp_keepalive_intvl: seconds, tcp_keepalive_cnt: count } = config
  return {
    // At least a second, since 0 means never.
    idleMs: isOn ? Math.max(1000, Math.min(idleMs, LONGEST_IDLE_MS)) : 0,
    ...(seconds > 0 && { intervalMs: 1000 * seconds }),
    ...(count > 0 && { count }),
  }
}

const VERSIONS: Readonly<Record<TlsOption['ssl_version'], Pick<TlsSettings, 'minVersion' | 'maxVersion'>>> = {
  PROTOCOL_TLS: {},
  PROTOCOL_TLS_CLIENT: {},
  PROTOCOL_SSLv23: {},
  PROTOCOL_TLSv1_2: { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' },
  PROTOCOL_TLSv1_1: { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' },
  PROTOCOL_TLSv1: { minVersion: 'TLSv1', maxVersion: 'TLSv1' },
}

function tlsSettings(option: TlsOption): TlsSettings {
  const { certfile, keyfile, ca_certs: ca, verify_locations: locations, ciphers } = option
  const places = locations.map((one) => (typeof one === 'string' ? { cafile: one } : one))
  return {
    isVerified: option.cert_reqs !== 'CERT_NONE',
    caPaths: [...(ca === undefined ? [] : [ca]), ...places.flatMap((one) => ('cafile' in one ? [one.cafile] : 'capath' in one ? [one.capath] : []))],
    caTexts: places.flatMap((one) => ('cadata' in one ? [one.cadata] : [])),
    ...(certfile !== undefined && { certFile: certfile }),
    ...(keyfile !== undefined && { keyFile: keyfile }),
    ...(ciphers !== undefined && { ciphers }),
    ...VERSIONS[option.ssl_version],
  }
}
