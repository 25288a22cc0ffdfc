/** One request of `http.query` with its redirects, in the manner of Salt's HTTP client (Tornado), bounded in time and size. */
import { request as httpRequest } from 'node:http'
import type { IncomingMessage, RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Clock } from '../../clock.ts'
import { CommandExecutionError, InvocationError } from '../contract.ts'
import { errorCode, errorText } from '../error-text.ts'
import { systemErrorText } from '../system-errors.ts'

export interface WebRequest {
  url: URL
  method: string
  /** Names as given; at most one of a name. */
  headers: Map<string, string>
  body: Uint8Array | undefined
  credentials: { user: string; password: string } | undefined
  tls: { verify: boolean; ca?: Buffer; cert?: Buffer; key?: Buffer }
  limits: { connectMs: number; requestMs: number; bodyBytes: number }
}

export interface WebAnswer {
  status: number
  reason: string
  /** Names in Salt's case (`Content-Type`); of several values one text with commas. */
  headers: Record<string, string>
  body: Buffer
}

/** No answer: `status` 599 for one that broke off or took too long (as Tornado counts), 0 when there was none to ask. */
export interface WebFailure {
  status: 0 | 599
  error: string
}

const maxRedirects = 5
const redirects = new Set([301, 302, 303, 307, 308])
/** Not told to another server than the one they were meant for. */
const secretHeaders = ['authorization', 'cookie', 'proxy-authorization']
const bodyHeaders = ['content-length', 'content-type', 'content-encoding', 'transfer-encoding']
/** What Node calls failed look-ups, in the C library's words. */
const lookupWords: Readonly<Record<string, string>> = { ENOTFOUND: '[Errno -2] Name or service not known', EAI_AGAIN: '[Errno -3] Temporary failure in name resolution' }

/** An answer that took too long, or is too large. */
class BrokenOff extends Error {}

/**
 * Asks a server, and follows its redirects: five at most, then the last answer is a redirect.
 *
 * @throws CommandExecutionError for a url of another kind, InvocationError for a method or a header that cannot be sent, the signal's reason when it aborts
 */
export async function fetchWeb(given: WebRequest, clock: Clock, signal: AbortSignal): Promise<WebAnswer | WebFailure> {
  const ending = new AbortController()
  const cancel = clock.timer(given.limits.requestMs, () => ending.abort(new BrokenOff('Timeout during request')))
  try {
    let request = given
    for (let left = maxRedirects; ; left -= 1) {
      const response = await once(request, clock, AbortSignal.any([signal, ending.signal]))
      const next = left === 0 ? undefined : redirected(request, response)
      if (next === undefined) return await answerOf(response, request.limits.bodyBytes)
      response.destroy()
      request = next
    }
  } catch (error) {
    signal.throwIfAborted()
    return failureOf(ending.signal.aborted ? ending.signal.reason : error)
  } finally {
    cancel()
  }
}

/** The request that a redirect asks for; undefined when the response is none. User, password and cookies stay with the server they were given for. */
function redirected(request: WebRequest, response: IncomingMessage): WebRequest | undefined {
  const { location } = response.headers
  const status = response.statusCode ?? 0
  if (!redirects.has(status) || location === undefined || !URL.canParse(location, request.url.href)) return undefined
  const url = checkedUrl(new URL(location, request.url).href)
  const asGet = (status === 303 && request.method !== 'HEAD') || (status < 303 && request.method === 'POST')
  const isElsewhere = url.origin !== request.url.origin
  const left = new Set([...(asGet ? bodyHeaders : []), ...(isElsewhere ? secretHeaders : [])])
  return {
    ...request,
    url,
    headers: new Map([...request.headers].filter(([name]) => !left.has(name.toLowerCase()))),
    ...(asGet && { method: 'GET', body: undefined }),
    ...(isElsewhere && { credentials: undefined }),
  }
}

/** @throws CommandExecutionError when it is no http or https url */
export function checkedUrl(given: string): URL {
  const url = URL.canParse(given) ? new URL(given) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  throw new CommandExecutionError(`Unsupported url scheme: ${given}`)
}

function once({ url, method, headers, body, credentials, tls, limits }: WebRequest, clock: Clock, signal: AbortSignal): Promise<IncomingMessage> {
  const user = url.username === '' ? credentials : { user: decoded(url.username), password: decoded(url.password) }
  const options: RequestOptions & { rejectUnauthorized: boolean; ca?: Buffer; cert?: Buffer; key?: Buffer } = {
    method,
    headers: { ...Object.fromEntries(headers), ...(body !== undefined && { 'Content-Length': body.length }) },
    agent: false,
    signal,
    rejectUnauthorized: tls.verify,
    ...(tls.ca !== undefined && { ca: tls.ca }),
    ...(tls.cert !== undefined && { cert: tls.cert, key: tls.key ?? tls.cert }),
    ...(user !== undefined && { auth: `${user.user}:${user.password}` }),
  }
  return new Promise((resolve, reject) => {
    const plain = new URL(url)
    plain.username = plain.password = ''
    const request = sendable(() => (url.protocol === 'https:' ? httpsRequest : httpRequest)(plain, options))
    const cancel = clock.timer(limits.connectMs, () => request.destroy(new BrokenOff('Timeout while connecting')))
    request.on('socket', (socket) => socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', cancel))
    request.on('close', cancel)
    request.on('error', reject)
    request.on('response', resolve)
    request.end(body)
  })
}

function sendable<Request>(make: () => Request): Request {
  try {
    return make()
  } catch (error) {
    if (/^ERR_(INVALID|UNESCAPED|HTTP_INVALID)/.test(errorCode(error) ?? '')) throw new InvocationError(errorText(error), { cause: error })
    throw error
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

async function answerOf(response: IncomingMessage, limitBytes: number): Promise<WebAnswer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > limitBytes) throw new BrokenOff(`the body is larger than ${limitBytes} bytes (http_max_body)`)
    chunks.push(chunk)
  }
  return { status: response.statusCode ?? 0, reason: response.statusMessage ?? '', headers: headersOf(response.rawHeaders), body: Buffer.concat(chunks) }
}

function headersOf(raw: string[]): Record<string, string> {
  const headers = new Map<string, string>()
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] ?? '').split('-').map((part) => `${part.charAt(0).toUpperCase()}${part.slice(1).toLowerCase()}`).join('-')
    const value = raw[at + 1] ?? ''
    const before = headers.get(name)
    headers.set(name, before === undefined ? value : `${before},${value}`)
  }
  return Object.fromEntries(headers)
}

function failureOf(error: unknown): WebFailure {
  if (error instanceof InvocationError || error instanceof CommandExecutionError) throw error
  if (error instanceof BrokenOff) return { status: 599, error: error.message }
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  const code = errorCode(first) ?? ''
  // The server went away; a connection that the system reset has a number.
  if (code === 'ECONNRESET' && !(first instanceof Error && 'errno' in first)) return { status: 599, error: 'Stream closed' }
  if (code.startsWith('HPE_')) return { status: 599, error: `no HTTP: ${errorText(first)}` }
  return { status: 0, error: lookupWords[code] ?? tlsWords(errorText(first), code) ?? systemErrorText(first) }
}

function tlsWords(text: string, code: string): string | undefined {
  const fault = /SSL routines:[^:]*:([^:]+)/.exec(text)?.[1]
  if (fault !== undefined) return `[SSL] ${fault}`
  const isUntrusted = /CERT|^UNABLE_TO|SELF_SIGNED/.test(code) && !code.startsWith('ERR_SSL')
  return isUntrusted ? `certificate verify failed: ${text.replace(/; if the root CA .*/s, '')}` : undefined
}
