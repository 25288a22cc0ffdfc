import { startHttpSink } from '../../helpers/http-sink.ts'

/** One event as the collector took it. */
export interface HecEvent {
  time: string
  host: string
  index: string
  event: unknown
}

export interface Hec {
  title: string
  port: number
  token: string
  events: HecEvent[]
  /** The same as they came. */
  texts: string[]
  /** What it answers instead of looking at the request: status and Splunk's code; `once` for one request only. */
  refuse(answer: { status: number; code: number; text: string; retryAfter?: string; once?: true } | null): void
  stop(): Promise<void>
}

const FIELDS = new Set(['time', 'host', 'source', 'sourcetype', 'index', 'event', 'fields'])

/** A strict HTTP Event Collector: the answers of Splunk's page "HTTP Event Collector error codes", nothing taken that it would refuse. */
export async function startHec(): Promise<Hec> {
  const token = '0f1c-a-token'
  const events: HecEvent[] = []
  const texts: string[] = []
  let refusal: Parameters<Hec['refuse']>[0] = null
  const sink = await startHttpSink(({ method, path, headers, body }, reply) => {
    const answer = (status: number, code: number, text: string, more: Record<string, unknown> = {}): void =>
      void reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ text, code, ...more }))
    if (refusal !== null) {
      const { status, code, text, retryAfter, once } = refusal
      if (once === true) refusal = null
      if (retryAfter !== undefined) reply.setHeader('retry-after', retryAfter)
      return answer(status, code, text)
    }
    if (method !== 'POST' || path !== '/services/collector/event') return answer(404, 404, 'The requested URL was not found on this server.')
    if (headers.authorization === undefined) return answer(401, 2, 'Token is required')
    if (headers.authorization !== `Splunk ${token}`) return answer(403, 4, 'Invalid token')
    const lines = body.split('\n').filter((line) => line.trim() !== '')
    if (lines.length === 0) return answer(400, 5, 'No data')
    for (const [number, line] of lines.entries()) {
      const event = readEvent(line)
      const fault = faultOf(event)
      if (fault !== null) return answer(400, fault.code, fault.text, { 'invalid-event-number': number })
      events.push(event as HecEvent)
      texts.push(line)
    }
    answer(200, 0, 'Success')
  })
  return {
    title: 'a strict collector of ours, in place of Splunk',
    port: Number(new URL(sink.url).port),
    token,
    events,
    texts,
    refuse: (answer) => {
      refusal = answer
    },
    stop: sink.close,
  }
}

function faultOf(event: unknown): { code: number; text: string } | null {
  if (typeof event !== 'object' || event === null) return { code: 6, text: 'Invalid data format' }
  if (Object.keys(event).some((key) => !FIELDS.has(key))) return { code: 6, text: 'Invalid data format' }
  if (!('event' in event)) return { code: 12, text: 'Event field is required' }
  if (event.event === '' || event.event === null) return { code: 13, text: 'Event field cannot be blank' }
  if ('index' in event && event.index !== 'salt') return { code: 7, text: 'Incorrect index' }
  return null
}

function readEvent(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}
