import { type ClientRequest, type IncomingMessage, request as plainRequest } from 'node:http'
import { type Agent, request as tlsRequest } from 'node:https'
import { OperatorError, PermanentError, RetryAfterError } from '../contract.ts'
import { errorCode, errorText } from './error-code.ts'
import { timeLimit } from './time-limit.ts'

/** What came back, as far as a returner needs it. */
export interface HttpReply {
  status: number
  headers: IncomingMessage['headers']
  /** The beginning of the body: at most `maxReplyBytes`. */
  text: string
  /** The body went on. */
  cut: boolean
}

export interface HttpCall {
  url: URL
  method: string
  headers: Record<string, string>
  body: Buffer
  /** Keep-alive connections and TLS settings. */
  agent: Agent
  /** Until the whole reply is there, milliseconds. */
  timeoutMs: number
  /** How much of the reply is wanted; 16 KiB, enough for an acknowledgement, when absent. */
  maxReplyBytes?: number
  signal: AbortSignal
}

/** An answer to a webhook is an acknowledgement; nobody needs more of it than this. */
const ackReplyBytes = 16 * 1024
const maxRetryAfterMs = 3_600_000

/** Codes of a peer whose certificate does not convince us: someone must set the right `ca`. */
const certificateCode = /^(CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|ERR_TLS_CERT|HOSTNAME_MISMATCH|ERR_SSL_TLSV\d+_ALERT)/

/**
 * Sends one request and reads the reply.
 *
 * @throws OperatorError for certificates, a plain Error (retried) for network failures and for a request that took too long.
 */
export async function send(call: HttpCall): Promise<HttpReply> {
  const signal = AbortSignal.any([call.signal, timeLimit(call.timeoutMs / 1000)])
  const peer = `${call.method} ${call.url.origin}`
  try {
    const { request, reply } = begin(call, signal)
    request.end(call.body)
    return await readReply(await reply, call.maxReplyBytes ?? ackReplyBytes)
  } catch (error) {
    if (call.signal.aborted) throw new Error(`${peer}: stopped before the answer`, { cause: error })
    if (signal.aborted) throw new Error(`${peer}: no answer within ${call.timeoutMs / 1000} s`, { cause: error })
    const message = `${peer}: ${errorText(error) || errorCode(error)}`
    throw certificateCode.test(errorCode(error)) ? new OperatorError(message, { cause: error }) : new Error(message, { cause: error })
  }
}

function begin(call: HttpCall, signal: AbortSignal): { request: ClientRequest; reply: Promise<IncomingMessage> } {
  const start = call.url.protocol === 'https:' ? tlsRequest : plainRequest
  const headers = { ...call.headers, 'content-length': String(call.body.length) }
  const request = start(call.url, { method: call.method, headers, agent: call.agent, signal })
  const reply = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve)
    request.on('error', reject)
  })
  return { request, reply }
}

async function readReply(reply: IncomingMessage, maxReplyBytes: number): Promise<HttpReply> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of reply as AsyncIterable<Buffer>) {
    chunks.push(chunk.subarray(0, maxReplyBytes - length))
    length += chunk.length
    // Leaving the loop destroys the reply: a peer that never stops talking costs us one connection, no memory.
    if (length >= maxReplyBytes) break
  }
  return { status: reply.statusCode ?? 0, headers: reply.headers, text: Buffer.concat(chunks).toString('utf8'), cut: length >= maxReplyBytes }
}

/**
 * The error for a reply, or null when it acknowledges (2xx). The one table of HTTP statuses:
 * 408, 409, 425, 429 and 5xx come again (when `Retry-After` says so); 400, 413 and 422 are faults of the item; every other one
 * (401, 403, 404, 407, a redirect …) is a wrong URL or credential, which an operator can mend.
 *
 * @param now wall-clock milliseconds, for a `Retry-After` with a date.
 */
export function replyError(url: URL, reply: HttpReply, now: number): Error | null {
  const { status } = reply
  if (status >= 200 && status < 300) return null
  const message = `${url.origin} answered ${status}${reasonOf(reply)}`
  if (status === 400 || status === 413 || status === 422) return new PermanentError(message)
  if (status === 408 || status === 409 || status === 425 || status === 429 || status >= 500) {
    const afterMs = retryAfter(reply.headers['retry-after'], now)
    return afterMs === null ? new Error(message) : new RetryAfterError(message, afterMs)
  }
  return new OperatorError(message)
}

/** Milliseconds of a `Retry-After` header (seconds or a date), at most an hour; null when there is none. */
export function retryAfter(header: string | undefined, now: number): number | null {
  if (header === undefined) return null
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now
  return Number.isNaN(ms) ? null : Math.min(Math.max(ms, 0), maxRetryAfterMs)
}

/** The first line of a refusal, cut short: it says what is wrong with the request. */
function reasonOf(reply: HttpReply): string {
  const line = reply.text.trim().split(/[\r\n]/, 1)[0] ?? ''
  return line === '' ? '' : `: ${line.slice(0, 200)}`
}
