import {
  defineReturner, OperatorError, PartialError, PermanentError, type ReturnerContext, type ReturnerHandle, type ReturnItem,
} from '../contract.ts'
import { errorText } from '../lib/error-code.ts'
import { openAgent } from '../lib/http-client.ts'
import { replyError, send } from '../lib/http.ts'
import { headerText } from '../lib/message-text.ts'
import { type Options, options } from './options.ts'

export default defineReturner<Options>({
  name: 'http',
  summary: 'Sends each return to a web hook',
  options,
  delivery: 'dedupe-key',
  masterMaySet: ['timeout'],
  isolation: 'inline',
  maxBatch: 20,
  deadlineSeconds: ({ format, timeout }) => (format === 'array' ? timeout : timeout * 20) + 5,
  open: openHook,
})

/** Posts one body under one key; rejects with the error that says what to do. */
type Post = (body: string, key: string | undefined, signal: AbortSignal) => Promise<void>

async function openHook(settings: Options, context: ReturnerContext): Promise<ReturnerHandle> {
  const url = hookUrl(settings)
  const agent = await openAgent(url, settings)
  const fixed = fixedHeaders(settings)
  const post: Post = async (body, key, signal) => {
    const headers = key === undefined ? fixed : { ...fixed, [settings.key_header.toLowerCase()]: headerText(key) }
    const call = { url, method: settings.method, headers, body: Buffer.from(body), agent, timeoutMs: settings.timeout * 1000, signal }
    const error = replyError(url, await send(call), context.now())
    if (error !== null) throw error
  }
  return {
    returner: (items, signal) => (settings.format === 'array' ? postArray(post, items, signal) : postEach(post, items, signal)),
    close: async () => agent.destroy(),
  }
}

async function postArray(post: Post, items: ReturnItem[], signal: AbortSignal): Promise<void> {
  await post(`[${items.map((item) => item.json).join(',')}]`, undefined, signal)
}

/** One request per return, in order. A refused one is set aside and the rest goes on; any other failure ends the batch there. */
async function postEach(post: Post, items: ReturnItem[], signal: AbortSignal): Promise<void> {
  const stored: string[] = []
  const rejected: { key: string; error: string }[] = []
  for (const item of items) {
    try {
      await post(item.json, item.key, signal)
      stored.push(item.key)
    } catch (error) {
      if (error instanceof PermanentError && items.length > 1) rejected.push({ key: item.key, error: error.message })
      else if (stored.length === 0 && rejected.length === 0) throw error
      else throw new PartialError(errorText(error), { stored, rejected }, { cause: error })
    }
  }
  if (rejected.length > 0) throw new PartialError(`${rejected.length} refused`, { stored, rejected })
}

function hookUrl(settings: Options): URL {
  const url = URL.parse(settings.url.reveal())
  if (url === null || !/^https?:$/.test(url.protocol)) throw new OperatorError('option "url" is not an http:// or https:// address')
  if (url.username !== '' || url.password !== '') throw new OperatorError('user and password belong into the options "username" and "password", not into "url"')
  return url
}

function fixedHeaders(settings: Options): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': 'application/json', 'user-agent': 'brine' }
  for (const [name, value] of Object.entries(settings.headers)) headers[name.toLowerCase()] = value.reveal()
  if (settings.token !== undefined) headers['authorization'] = `Bearer ${settings.token.reveal()}`
  else if (settings.username !== undefined) {
    const pair = `${settings.username}:${settings.password?.reveal() ?? ''}`
    headers['authorization'] = `Basic ${Buffer.from(pair).toString('base64')}`
  }
  return headers
}
