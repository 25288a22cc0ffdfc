import { defineReturner, OperatorError, PermanentError, type ReturnerContext, type ReturnerHandle, type ReturnItem } from '../contract.ts'
import { openAgent } from '../lib/http-client.ts'
import { type HttpReply, replyError, send } from '../lib/http.ts'
import { messageOf } from './message.ts'
import { type Options, options } from './options.ts'

const SLACK = 'https://hooks.slack.com/services/'

export default defineReturner<Options>({
  name: 'slack_webhook',
  summary: 'Tells a Slack channel of each return, through an incoming webhook',
  options,
  delivery: 'at-least-once',
  masterMaySet: ['timeout'],
  isolation: 'inline',
  maxBatch: 1,
  deadlineSeconds: ({ timeout }) => timeout + 5,
  open: openHook,
})

async function openHook(settings: Options, context: ReturnerContext): Promise<ReturnerHandle> {
  const url = URL.parse(settings.webhook.reveal(), SLACK)
  if (url === null || !/^https?:$/.test(url.protocol) || url.href === SLACK) {
    throw new OperatorError('option "webhook" is not what follows https://hooks.slack.com/services/, nor an address')
  }
  const agent = await openAgent(url, { verify: true })
  const headers = { 'content-type': 'application/json; charset=utf-8', 'user-agent': 'brine' }
  return {
    async returner(items: ReturnItem[], signal) {
      for (const { ret } of items) {
        const body = Buffer.from(JSON.stringify(messageOf(ret, settings)))
        const error = hookError(url, await send({ url, method: 'POST', headers, body, agent, timeoutMs: settings.timeout * 1000, signal }), context.now())
        if (error !== null) throw error
      }
    },
    close: async () => agent.destroy(),
  }
}

/** The error for Slack's answer, which is a word and not JSON (Slack: "Handling errors" of incoming webhooks), or null for `ok`. */
function hookError(url: URL, reply: HttpReply, now: number): Error | null {
  const error = replyError(url, reply, now)
  if (error === null) return reply.text.trim() === 'ok' ? null : new Error(`${url.origin} answered ${reply.status}, but not as Slack does: ${reply.text.slice(0, 200)}`)
  // These come with 400 as well, and are no fault of the message.
  const hookIsWrong = /^(invalid_token|no_team|no_service|no_active_hooks|channel_|action_prohibited|user_not_found|team_disabled|posting_to_general)/
  return error instanceof PermanentError && hookIsWrong.test(reply.text.trim()) ? new OperatorError(error.message) : error
}
