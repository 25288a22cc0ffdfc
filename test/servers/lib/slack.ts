import { startHttpSink } from '../../helpers/http-sink.ts'

export interface Slack {
  title: string
  port: number
  /** What follows the host of the hook. */
  hook: string
  messages: { attachments: Record<string, unknown>[] }[]
  /** What it answers instead of looking at the request. */
  refuse(answer: { status: number; text: string; retryAfter?: string; once?: true } | null): void
  stop(): Promise<void>
}

/** Slack cuts an attachment's text off long after this; a request beyond it is refused. */
const MAX_BODY = 200_000

/** A strict incoming webhook: answers and limits of Slack's page "Sending messages using incoming webhooks". */
export async function startSlack(): Promise<Slack> {
  const hook = '/services/T000/B000/XXXX'
  const messages: Slack['messages'] = []
  let refusal: Parameters<Slack['refuse']>[0] = null
  const sink = await startHttpSink(({ path, body }, reply) => {
    const answer = (status: number, text: string): void => void reply.writeHead(status, { 'content-type': 'text/html' }).end(text)
    if (refusal !== null) {
      const { status, text, retryAfter, once } = refusal
      if (once === true) refusal = null
      if (retryAfter !== undefined) reply.setHeader('retry-after', retryAfter)
      return answer(status, text)
    }
    if (path !== hook) return answer(404, 'no_service')
    const message = readMessage(body)
    if (message === null || Buffer.byteLength(body) > MAX_BODY) return answer(400, 'invalid_payload')
    if (message.attachments.length === 0) return answer(400, 'no_text')
    messages.push(message)
    answer(200, 'ok')
  })
  return {
    title: 'a strict webhook of ours, in place of Slack',
    port: Number(new URL(sink.url).port),
    hook,
    messages,
    refuse: (answer) => {
      refusal = answer
    },
    stop: sink.close,
  }
}

function readMessage(text: string): Slack['messages'][number] | null {
  try {
    const message: unknown = JSON.parse(text)
    if (typeof message !== 'object' || message === null || !('attachments' in message) || !Array.isArray(message.attachments)) return null
    return { attachments: message.attachments as Record<string, unknown>[] }
  } catch {
    return null
  }
}
