/** What the arguments of `http.query` mean (Salt: utils/http.py query). */
import { stat } from 'node:fs/promises'
import { isTruthy, pythonStr } from '../../matchers/python-text.ts'
import { entries, get, isMap } from '../../wire/value.ts'
import type { Value } from '../../wire/value.ts'
import { InvocationError, param } from '../contract.ts'
import type { ArgsOf, Params } from '../contract.ts'
import { filePath } from '../file/paths.ts'
import { readBounded } from '../file/read-bounded.ts'
import type { BuiltinContext } from '../services.ts'
import { checkedUrl } from './fetch.ts'
import type { WebRequest } from './fetch.ts'

/** The arguments beside the url, in Salt's order. */
export const queryParams = {
  method: param.text('GET'),
  params: param.any(null),
  data: param.any(null),
  data_file: param.text(null),
  header_dict: param.map(null),
  header_list: param.list(null),
  header_file: param.text(null),
  username: param.text(null),
  password: param.text(null),
  auth: param.list(null),
  decode: param.boolean(false),
  decode_type: param.text('auto'),
  status: param.boolean(false),
  headers: param.boolean(false),
  text: param.boolean(false),
  test: param.boolean(false),
  test_url: param.text(null),
  opts: param.map(null),
  ca_bundle: param.text(null),
  verify_ssl: param.boolean(null),
  cert: param.any(null),
  text_out: param.text(null),
  headers_out: param.text(null),
  decode_out: param.text(null),
  agent: param.text('brine http.query()'),
  raise_error: param.boolean(true),
  decode_body: param.boolean(true),
} satisfies Params

export type QueryArgs = ArgsOf<typeof queryParams>

/** What Salt's function knows and this one does not do. */
const missing = [
  'cookies', 'cookie_jar', 'persist_session', 'session_cookie_jar', 'data_render', 'header_render', 'stream', 'streaming_callback', 'header_callback', 'handle', 'formdata',
]
const largestFileBytes = 64 * 1024 * 1024
/** Where systems keep the certificates of those they trust, in Salt's order. */
const bundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/pki/tls/certs/ca-bundle.trust.crt',
  '/etc/ssl/certs/ca-bundle.crt',
  '/var/lib/ca-certificates/ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

/** @throws InvocationError for an argument that Salt would act on and this minion does not; others are passed over as Salt does */
export function refuseMissing(kwargs: Readonly<Record<string, Value>>): void {
  const name = missing.find((one) => isTruthy(kwargs[one] ?? null))
  if (name !== undefined) throw new InvocationError(`${name} is not supported by this minion's http.query`)
}

/** @throws InvocationError or CommandExecutionError for what cannot be sent: a url, a value, a file that is not there */
export async function requestOf(context: BuiltinContext, given: string, args: QueryArgs): Promise<WebRequest> {
  const url = checkedUrl(given)
  if (!/^[A-Za-z-]+$/.test(args.method) || /^connect$/i.test(args.method)) throw new InvocationError(`${args.method} is no method of a request`)
  for (const [name, value] of pairsOf(args.params, 'params')) url.searchParams.append(pythonStr(name), pythonStr(value))
  const method = args.method.toUpperCase()
  return {
    url,
    method,
    headers: await headersOf(context, args, method),
    body: args.data_file === null ? bodyOf(args.data) : await readFile(context, args.data_file),
    credentials: credentialsOf(args),
    tls: url.protocol === 'https:' ? await tlsOf(context, args) : { verify: true },
    limits: limitsOf(context, args),
  }
}

async function headersOf(context: BuiltinContext, args: QueryArgs, method: string): Promise<Map<string, string>> {
  const lines = args.header_file === null ? (args.header_list ?? []) : (await readFile(context, args.header_file)).toString('utf8').split(/\r?\n/)
  const named: [Value, Value][] = args.header_file === null && args.header_dict !== null ? entries(args.header_dict) : []
  const listed = lines.map((line) => /^([^:]*):(.*)$/s.exec(pythonStr(line))).flatMap((parts): [Value, Value][] => (parts === null ? [] : [[parts[1] ?? '', parts[2] ?? '']]))
  const headers = new Map<string, string>()
  const set = (name: string, value: string): void => {
    for (const known of headers.keys()) if (known.toLowerCase() === name.toLowerCase()) headers.delete(known)
    headers.set(name, value)
  }
  for (const [name, value] of [...named, ...listed]) set(pythonStr(name).trim(), pythonStr(value).trim())
  set('User-Agent', args.agent)
  const names = [...headers.keys()].map((name) => name.toLowerCase())
  if (method === 'POST' && !names.includes('content-type')) set('Content-Type', 'application/x-www-form-urlencoded')
  // The size is counted here: another one would let a server wait, or take a part for a request of its own.
  for (const name of headers.keys()) if (/^(content-length|transfer-encoding)$/i.test(name)) headers.delete(name)
  return headers
}

function bodyOf(data: Value): Uint8Array | undefined {
  if (data === null) return undefined
  if (data instanceof Uint8Array) return data
  if (Array.isArray(data)) throw new InvocationError('data must be a text or a map, not a list')
  if (!isMap(data)) return Buffer.from(pythonStr(data))
  return Buffer.from(new URLSearchParams(entries(data).map(([name, value]): [string, string] => [pythonStr(name), pythonStr(value)])).toString())
}

function pairsOf(given: Value, name: string): [Value, Value][] {
  if (!isTruthy(given)) return []
  if (isMap(given)) return entries(given)
  if (!Array.isArray(given)) throw new InvocationError(`${name} must be a map, or a list of pairs`)
  return given.map((pair) => {
    if (!Array.isArray(pair) || pair.length !== 2) throw new InvocationError(`${name} must be a map, or a list of pairs`)
    return [pair[0] ?? null, pair[1] ?? null]
  })
}

function credentialsOf({ username, password, auth }: QueryArgs): WebRequest['credentials'] {
  const [user, secret] = auth ?? []
  if (username !== null) return { user: username, password: password ?? '' }
  return user === undefined || secret === undefined ? undefined : { user: pythonStr(user), password: pythonStr(secret) }
}

/** An option of the minion; `opts` of the call go before it. */
function option(context: BuiltinContext, { opts }: QueryArgs, name: string): Value {
  return get(opts, name) ?? context.config(name) ?? null
}

async function tlsOf(context: BuiltinContext, args: QueryArgs): Promise<WebRequest['tls']> {
  const verify = args.verify_ssl ?? option(context, args, 'verify_ssl') !== false
  const bundle = args.ca_bundle ?? option(context, args, 'ca_bundle') ?? (await firstThere(bundles))
  const ca = verify && typeof bundle === 'string' ? { ca: await readFile(context, bundle) } : {}
  const cert = args.cert ?? option(context, args, 'cert')
  if (cert === null) return { verify, ...ca }
  const [certificate, key] = Array.isArray(cert) ? cert : [cert, cert]
  if (typeof certificate !== 'string' || typeof key !== 'string') throw new InvocationError('cert must be a path, or a list of the paths of the certificate and of its key')
  return { verify, ...ca, cert: await readFile(context, certificate), key: await readFile(context, key) }
}

async function firstThere(paths: readonly string[]): Promise<string | null> {
  for (const path of paths) if ((await stat(path).catch(() => undefined))?.isFile() === true) return path
  return null
}

function limitsOf(context: BuiltinContext, args: QueryArgs): WebRequest['limits'] {
  const number = (name: string, fallback: number): number => {
    const value = option(context, args, name) ?? fallback
    if (typeof value === 'number' && value > 0) return value
    throw new InvocationError(`${name} must be a number above 0`)
  }
  const largest = context.config('http_max_body')
  return {
    connectMs: number('http_connect_timeout', 20) * 1000,
    requestMs: number('http_request_timeout', 3600) * 1000,
    // A call may ask for less than the configuration allows.
    bodyBytes: Math.min(number('http_max_body', context.agent.outputLimitBytes), typeof largest === 'number' ? largest : context.agent.outputLimitBytes),
  }
}

function readFile(context: BuiltinContext, given: string): Promise<Buffer> {
  return readBounded(filePath(context, given), largestFileBytes)
}
