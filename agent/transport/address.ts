/** Where a master listens, as it is configured. */
export interface MasterAddress {
  /** Host, host:port, an IPv6 address (in brackets with a port), or a URL of the request socket for what sits behind a proxy. */
  master: string
  /** Salt's `master_port`; default 4506. */
  masterPort?: number
  /** URL of the publish socket when it cannot be told from `master` and the publish port. */
  publishUrl?: string
  /** Speak TLS where the address names no scheme. */
  isTls?: boolean
}

/** One of a master's two sockets. */
export interface Endpoint {
  /** The transport that the scheme of a URL names; undefined when the address leaves it open. */
  kind: 'ws' | 'tcp' | undefined
  isTls: boolean
  /** A name or an address, IPv6 without brackets. */
  host: string
  port: number
  /** Path and query of the upgrade; only ws sends it. */
  path: string
}

/** The path stock minions use for publications; a stock master takes any. */
const PUBLISH_PATH = '/ws'
const DEFAULT_REQUEST_PORT = 4506

/** `tcp` leaves the transport open: ZeroMQ's addresses are written so, too. */
const SCHEMES: Readonly<Record<string, Pick<Endpoint, 'kind' | 'isTls'> & { port?: number }>> = {
  ws: { kind: 'ws', isTls: false, port: 80 },
  http: { kind: 'ws', isTls: false, port: 80 },
  wss: { kind: 'ws', isTls: true, port: 443 },
  https: { kind: 'ws', isTls: true, port: 443 },
  tcp: { kind: undefined, isTls: false },
  tls: { kind: 'tcp', isTls: true },
}

/** The request socket. @throws Error that quotes what was configured. */
export function requestEndpoint(address: MasterAddress): Endpoint {
  const { port, ...rest } = parse(address.master, address.isTls)
  return { ...rest, port: port ?? address.masterPort ?? DEFAULT_REQUEST_PORT }
}

/** The publish socket: `publishUrl`, or the request socket's scheme and host with this port. @throws Error that quotes what was configured. */
export function publishEndpoint(address: MasterAddress, port: number): Endpoint {
  if (address.publishUrl === undefined) return { ...parse(address.master, address.isTls), path: PUBLISH_PATH, port }
  const own = parse(address.publishUrl, address.isTls)
  return { ...own, port: own.port ?? port }
}

/** `host:port`, with brackets around an IPv6 address. */
export function hostPort({ host, port }: Pick<Endpoint, 'host' | 'port'>): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** The port is undefined where the text names none and its scheme has none. */
function parse(text: string, isTls = false): Omit<Endpoint, 'port'> & { port: number | undefined } {
  const [, name, rest] = /^([a-z]+):\/\/(.*)$/is.exec(text) ?? [undefined, undefined, text]
  const scheme = name === undefined ? { kind: undefined, isTls, port: undefined } : SCHEMES[name.toLowerCase()]
  const url = scheme && tryUrl(name === undefined ? bareHost(rest) : rest)
  if (scheme === undefined || url === undefined || url.hostname === '' || url.username !== '') throw new Error(`not a master's address: ${text}`)
  // A URL parser drops the port that is its scheme's own.
  const named = url.port === '' ? /^(?:\[[^\]]*\]|[^/?#:]*):(\d+)(?:[/?#]|$)/.exec(rest ?? '')?.[1] : url.port
  return {
    kind: scheme.kind,
    isTls: scheme.isTls,
    host: url.hostname.replaceAll(/^\[|\]$/g, ''),
    path: `${url.pathname}${url.search}`,
    port: named === undefined ? scheme.port : Number(named),
  }
}

/** A path, a user or a misspelt scheme is no host: `http//salt` would be the host `http`. An IPv6 address gets its brackets. */
function bareHost(text: string | undefined): string | undefined {
  if (text === undefined || /[/?#@\s\\]/.test(text)) return undefined
  return /^[0-9a-f:.%]*:[0-9a-f:.%]*:/i.test(text) ? `[${text}]` : text
}

function tryUrl(rest: string | undefined): URL | undefined {
  return rest !== undefined && URL.canParse(`http://${rest}`) ? new URL(`http://${rest}`) : undefined
}
