/** Where a master listens, as it is configured. */
export interface MasterAddress {
  /** Host, host:port, an IPv6 address (in brackets with a port), or a URL of the request socket (ws, wss, http, https) for what sits behind a proxy. */
  master: string
  /** Salt's `master_port`; default 4506. */
  masterPort?: number
  /** URL of the publish socket when it cannot be told from `master` and the publish port. */
  publishUrl?: string
}

/** The path stock minions use for publications; a stock master takes any. */
const PUBLISH_PATH = '/ws'

const SCHEMES: Record<string, string> = { 'ws:': 'ws:', 'wss:': 'wss:', 'http:': 'ws:', 'https:': 'wss:' }

/** The URL of the request socket. @throws Error that quotes what was configured. */
export function requestUrl(address: MasterAddress): URL {
  const url = parse(address.master)
  if (!hasPort(address.master)) url.port = String(address.masterPort ?? 4506)
  return url
}

/** The URL of the publish socket: `publishUrl`, or the request socket's scheme and host with this port. @throws Error that quotes what was configured. */
export function publishUrl(address: MasterAddress, port: number): URL {
  if (address.publishUrl !== undefined) return parse(address.publishUrl)
  const url = parse(address.master)
  url.port = String(port)
  url.pathname = PUBLISH_PATH
  url.search = ''
  return url
}

/** A URL without a port means its scheme's; `host:80` names one although a URL parser would drop it. */
function hasPort(text: string): boolean {
  return text.includes('://') || /^(\[.*\]|[^:]*):\d+$/.test(text)
}

function parse(text: string): URL {
  const bare = /^[0-9a-f:.%]*:[0-9a-f:.%]*:/i.test(text) ? `[${text}]` : text
  const url = URL.canParse(text) && text.includes('://') ? new URL(text) : tryHost(bare)
  const scheme = url && SCHEMES[url.protocol]
  if (url === undefined || scheme === undefined || url.hostname === '') throw new Error(`not a master's address: ${text}`)
  url.protocol = scheme
  url.hash = ''
  return url
}

function tryHost(text: string): URL | undefined {
  // A path, a user or a misspelt scheme is no host: `http//salt` would be the host `http`.
  if (/[/?#@\s\\]/.test(text)) return undefined
  return URL.canParse(`ws://${text}`) ? new URL(`ws://${text}`) : undefined
}
