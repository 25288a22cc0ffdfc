/** Downloads over http and https, straight to disk. */
import { createWriteStream } from 'node:fs'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { request as httpRequest, STATUS_CODES } from 'node:http'
import type { IncomingMessage, RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { pipeline } from 'node:stream/promises'
import { CommandExecutionError } from '../modules/contract.ts'
import { errorText } from '../modules/error-text.ts'

export interface WebOptions {
  verifySsl: boolean
  signal: AbortSignal
  headers?: Record<string, string>
}

/** Where a download goes. */
export interface WebDestination {
  file: string
  /** On the same disk. */
  temporary: string
  /** Told of each part before it is written; rejects when there is no room for it. */
  room(bytes: number): Promise<void>
}

const maxRedirects = 5
/** Silence after which a server is given up. */
const idleMs = 60_000
const redirects = new Set([301, 302, 303, 307, 308])

/**
 * Downloads a url to a file, through a temporary one that must not be there yet: others may write where it goes. With `useEtag` the server
 * is asked only for what changed, and the file's tag is kept in `<file>.etag`, as Salt does.
 *
 * @throws CommandExecutionError in Salt's words (`Error: HTTP 404: Not Found reading /path`)
 */
export async function downloadUrl(url: string, { file, temporary, room }: WebDestination, options: WebOptions & { useEtag: boolean }): Promise<void> {
  const known = options.useEtag ? await readFile(`${file}.etag`, 'utf8').catch(() => undefined) : undefined
  const response = await get(url, { ...options, headers: known === undefined ? {} : { 'If-None-Match': known.trim() } })
  try {
    if (response.statusCode === 304 && known !== undefined) {
      response.destroy()
      return
    }
    const body = checked(response, url)
    await pipeline(body, (chunks: AsyncIterable<Buffer>) => asRoomAllows(chunks, room), createWriteStream(temporary, { mode: 0o600, flags: 'wx' }), { signal: options.signal })
    await rename(temporary, file)
  } catch (error) {
    if (!isThere(error)) await rm(temporary, { force: true })
    throw readError(error, url)
  }
  const { etag } = response.headers
  if (options.useEtag && etag !== undefined) await writeFile(`${file}.etag`, etag)
}

async function* asRoomAllows(chunks: AsyncIterable<Buffer>, room: WebDestination['room']): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    await room(chunk.length)
    yield chunk
  }
}

/** Somebody else's file. */
function isThere(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST'
}

/**
 * The content behind a url.
 *
 * @throws CommandExecutionError as `downloadUrl`, and when it is larger than `limitBytes`
 */
export async function readUrl(url: string, limitBytes: number, options: WebOptions): Promise<Buffer> {
  const response = checked(await get(url, options), url)
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > limitBytes) throw new Error(`more than ${limitBytes} bytes`)
      chunks.push(chunk)
    }
  } catch (error) {
    throw readError(error, url)
  }
  return Buffer.concat(chunks)
}

function checked(response: IncomingMessage, url: string): IncomingMessage {
  const status = response.statusCode ?? 0
  if (status >= 200 && status < 300) return response
  response.destroy()
  throw readError(`HTTP ${status}: ${STATUS_CODES[status] ?? 'Unknown'}`, url)
}

/** Follows redirects. User and password of the url go to its own host only, and never in clear when they were to go encrypted. */
async function get(url: string, options: WebOptions): Promise<IncomingMessage> {
  const first = parse(url, url)
  let at = first
  for (let steps = 0; steps <= maxRedirects; steps += 1) {
    const response = await once(at, at.origin === first.origin ? first : at, options).catch((error: unknown) => {
      throw readError(error, url)
    })
    const { location } = response.headers
    if (!redirects.has(response.statusCode ?? 0) || location === undefined) return response
    // What else it has to say could go on for ever.
    response.destroy()
    at = parse(new URL(location, at).href, url)
  }
  throw readError(`more than ${maxRedirects} redirects`, url)
}

function parse(url: string, asked: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed?.protocol !== 'http:' && parsed?.protocol !== 'https:') throw readError('not an http or https url', asked)
  return parsed
}

function once(url: URL, credentials: URL, { verifySsl, signal, headers }: WebOptions): Promise<IncomingMessage> {
  const auth = credentials.username === '' ? undefined : `${decodeURIComponent(credentials.username)}:${decodeURIComponent(credentials.password)}`
  const settings: RequestOptions & { rejectUnauthorized: boolean } = {
    signal,
    timeout: idleMs,
    rejectUnauthorized: verifySsl,
    headers: { 'User-Agent': 'brine', Accept: '*/*', ...headers },
    ...(auth !== undefined && { auth }),
  }
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, settings, resolve)
    request.on('timeout', () => request.destroy(new Error(`no answer within ${idleMs / 1000} s`)))
    request.on('error', reject)
    request.end()
  })
}

function readError(error: unknown, url: string): Error {
  if (error instanceof CommandExecutionError) return error
  const path = URL.canParse(url) ? new URL(url).pathname : url
  return new CommandExecutionError(`Error: ${errorText(error)} reading ${path}`, { cause: error })
}
