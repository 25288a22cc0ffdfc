import { hostname } from 'node:os'
import {
  defineReturner, OperatorError, PermanentError, type ReturnerContext, type ReturnerHandle, type ReturnItem, type SaltEvent,
} from '../contract.ts'
import { openAgent } from '../lib/http-client.ts'
import { type HttpReply, replyError, send } from '../lib/http.ts'
import { jidMicros } from '../lib/jid.ts'
import { timeLimit } from '../lib/time-limit.ts'
import { type Options, options } from './options.ts'

export default defineReturner<Options>({
  name: 'splunk',
  summary: "Sends each return as an event to Splunk's HTTP Event Collector",
  options,
  delivery: 'at-least-once',
  jobCache: ['eventReturn'],
  configNames: ['splunk_http_forwarder'],
  masterMaySet: ['timeout'],
  isolation: 'inline',
  maxBatch: 100,
  deadlineSeconds: ({ timeout }) => timeout + 5,
  open: openCollector,
})

/** Answers that an operator must act on although their status says the request is at fault: a wrong index, a channel that is wanted. */
const OPERATOR_CODES: ReadonlySet<unknown> = new Set([7, 10, 11, 14])

async function openCollector(settings: Options, context: ReturnerContext): Promise<ReturnerHandle> {
  const url = new URL(`${settings.ssl ? 'https' : 'http'}://${settings.indexer}:${settings.port}/services/collector/event`)
  const agent = await openAgent(url, { ...settings, verify: settings.verify_ssl })
  const headers = { authorization: `Splunk ${settings.token.reveal()}`, 'content-type': 'application/json', 'user-agent': 'brine' }
  const common = {
    host: settings.host ?? hostname(),
    ...(settings.index !== undefined && { index: settings.index }),
    ...(settings.sourcetype !== undefined && { sourcetype: settings.sourcetype }),
    ...(settings.source !== undefined && { source: settings.source }),
  }
  /** One request: the collector takes events one after the other, without a comma between. */
  const post = async (events: readonly string[], signal: AbortSignal): Promise<void> => {
    if (events.length === 0) return
    const reply = await send({ url, method: 'POST', headers, body: Buffer.from(events.join('\n')), agent, timeoutMs: settings.timeout * 1000, signal })
    const error = collectorError(url, reply, context.now())
    if (error !== null) throw error
  }
  // The event's own text is spliced in: it is exact where parsed numbers are not.
  const eventText = (time: string, event: string): string => `${JSON.stringify({ time, ...common }).slice(0, -1)},"event":${event}}`
  return {
    returner: (items: ReturnItem[], signal) => post(items.map(({ ret, json }) => eventText(timeOf(ret.jid, context.now()), json)), signal),
    eventReturn: (events: SaltEvent[]) => {
      const texts = events.map((event) => eventText(seconds(context.now() * 1000), JSON.stringify(event)))
      return post(texts, timeLimit(settings.timeout))
    },
    close: async () => agent.destroy(),
  }
}

/** When the job was published: what waited out an outage belongs there, not to the time of its delivery. */
function timeOf(jid: string, now: number): string {
  return seconds(Number(jidMicros(jid) ?? now * 1000))
}

function seconds(micros: number): string {
  return (micros / 1_000_000).toFixed(3)
}

/** The error for the collector's answer (Splunk: "HTTP Event Collector response codes"), or null when it took all. */
function collectorError(url: URL, reply: HttpReply, now: number): Error | null {
  const error = replyError(url, reply, now)
  const answer = answerOf(reply.text)
  if (error === null) {
    // A proxy in between may say 200 to anything.
    return answer.code === 0 ? null : new Error(`${url.origin} answered ${reply.status}, but not as a collector does: ${reply.text.slice(0, 200)}`)
  }
  if (!(error instanceof PermanentError) || !OPERATOR_CODES.has(answer.code)) return error
  return new OperatorError(`${error.message}; check the options index and token`)
}

function answerOf(text: string): { code?: unknown } {
  try {
    const answer: unknown = JSON.parse(text)
    return typeof answer === 'object' && answer !== null ? answer : {}
  } catch {
    return {}
  }
}
