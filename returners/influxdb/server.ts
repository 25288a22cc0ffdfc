import type { Agent } from 'node:https'
import { OperatorError, PermanentError } from '../contract.ts'
import { openAgent } from '../lib/http-client.ts'
import { type HttpReply, replyError, send } from '../lib/http.ts'
import { timeLimit } from '../lib/time-limit.ts'
import { lineOf, type Point } from './line-protocol.ts'
import type { Options } from './options.ts'

/** What is asked of a server of either version. */
export interface InfluxServer {
  write(points: readonly Point[], signal: AbortSignal): Promise<void>
  /** Runs one InfluxQL statement; `$name` in it stands for a parameter. Rows in order, each with its tags. */
  query(statement: string, parameters?: Record<string, string>): Promise<Row[]>
  close(): void
}

export type Row = Readonly<Record<string, unknown>>

/** A whole job cache may be asked for. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024

/** Connects when it is first used. @throws OperatorError when a file of TLS cannot be read */
export async function openServer(settings: Options, now: () => number): Promise<InfluxServer> {
  const origin = new URL(`${settings.ssl ? 'https' : 'http'}://${settings.host}:${settings.port}`)
  const agent = await openAgent(origin, { ...settings, verify: settings.verify_ssl })
  const call = caller(settings, agent)
  return {
    async write(points, signal) {
      if (points.length === 0) return
      const url = writeUrl(origin, settings)
      const error = influxError(url, await call(url, points.map((point) => lineOf(point)).join('\n'), 'text/plain; charset=utf-8', signal), now())
      if (error !== null) throw error
    },
    async query(statement, parameters = {}) {
      const url = new URL('/query', origin)
      url.searchParams.set('db', bucketOf(settings))
      const form = new URLSearchParams({ q: statement, params: JSON.stringify(parameters), epoch: 'ns' }).toString()
      const reply = await call(url, form, 'application/x-www-form-urlencoded', timeLimit(settings.timeout))
      const error = influxError(url, reply, now())
      if (error !== null) throw error
      if (reply.cut) throw new Error(`${url.origin}: the answer is longer than ${MAX_ANSWER_BYTES} bytes`)
      return rowsOf(url, reply.text)
    },
    close: () => agent.destroy(),
  }
}

function caller(settings: Options, agent: Agent) {
  const secretText = settings.version === 2
    ? `Token ${settings.token?.reveal() ?? ''}`
    : `Basic ${Buffer.from(`${settings.user}:${settings.password?.reveal() ?? 'salt'}`).toString('base64')}`
  return (url: URL, text: string, type: string, signal: AbortSignal): Promise<HttpReply> => {
    const headers = { authorization: secretText, 'content-type': type, 'user-agent': 'brine' }
    const body = Buffer.from(text)
    return send({ url, method: 'POST', headers, body, agent, timeoutMs: settings.timeout * 1000, signal, maxReplyBytes: MAX_ANSWER_BYTES })
  }
}

function writeUrl(origin: URL, settings: Options): URL {
  const url = new URL(settings.version === 2 ? '/api/v2/write' : '/write', origin)
  url.searchParams.set('precision', settings.version === 2 ? 'ns' : 'n')
  if (settings.version === 2) {
    url.searchParams.set('org', settings.org ?? '')
    url.searchParams.set('bucket', bucketOf(settings))
  } else {
    url.searchParams.set('db', settings.db)
    if (settings.retention_policy !== undefined) url.searchParams.set('rp', settings.retention_policy)
  }
  return url
}

function bucketOf({ version, bucket, db }: Options): string {
  return version === 2 ? bucket ?? db : db
}

/** The error for an answer. A database that is not there is the site's to make, also where the status blames the points. */
function influxError(url: URL, reply: HttpReply, now: number): Error | null {
  const error = replyError(url, { ...reply, text: reasonOf(reply.text) }, now)
  if (error instanceof PermanentError && /(database|bucket|organization|retention policy) .*not found/i.test(reply.text)) return new OperatorError(error.message)
  return error
}

function reasonOf(text: string): string {
  const answer = parsed(text)
  const reason = answer['error'] ?? answer['message']
  return typeof reason === 'string' ? reason : text.slice(0, 200)
}

/** The rows of a query's answer: `{results: [{series: [{tags, columns, values}], error}]}`. @throws Error, or OperatorError for a missing database */
function rowsOf(url: URL, text: string): Row[] {
  const rows: Row[] = []
  for (const result of listOf(parsed(text)['results'])) {
    const fault = result['error']
    if (typeof fault === 'string') throw /not found/.test(fault) ? new OperatorError(`${url.origin}: ${fault}`) : new Error(`${url.origin}: ${fault}`)
    for (const series of listOf(result['series'])) {
      const columns = Array.isArray(series['columns']) ? series['columns'].map(String) : []
      const values: unknown[] = Array.isArray(series['values']) ? series['values'] : []
      for (const value of values) {
        const cells: unknown[] = Array.isArray(value) ? value : []
        rows.push({ ...mapOf(series['tags']), ...Object.fromEntries(columns.map((column, index) => [column, cells[index]])) })
      }
    }
  }
  return rows
}

function parsed(text: string): Record<string, unknown> {
  try {
    return mapOf(JSON.parse(text))
  } catch {
    return {}
  }
}

function mapOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}

function listOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.map(mapOf) : []
}
