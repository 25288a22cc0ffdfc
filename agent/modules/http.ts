/** Questions to web servers (Salt: modules/http.py). */
import { isTruthy } from '../matchers/python-text.ts'
import { get } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import { CommandExecutionError, defineFunction, defineModule, param } from './contract.ts'
import { filePath } from './file/paths.ts'
import { rewriteFile } from './file/rewrite.ts'
import { formatOf, readBody, textOf, unfolded } from './http/body.ts'
import { fetchWeb } from './http/fetch.ts'
import type { WebAnswer } from './http/fetch.ts'
import { queryParams, refuseMissing, requestOf } from './http/options.ts'
import type { QueryArgs } from './http/options.ts'
import { pause } from './pause.ts'
import type { BuiltinContext } from './services.ts'

/** Between two tries of `wait_for_successful_query`, milliseconds: when nothing is said, and at least. Salt's would not wait at all. */
const waitMs = 1000
const leastWaitMs = 100

async function query(context: BuiltinContext, given: string, args: QueryArgs): Promise<ValueObject> {
  if (args.test && args.test_url === null) return {}
  const tested = args.test ? { test: true } : {}
  const request = await requestOf(context, args.test ? (args.test_url ?? given) : given, args)
  const answer = await fetchWeb(request, context.agent.clock, context.signal)
  // A server that was never reached has a status only when it was asked for; a broken answer always has one.
  if ('error' in answer) return { ...tested, ...((args.status || answer.status !== 0) && { status: answer.status }), error: answer.error }
  const type = answer.headers['Content-Type']
  const content = await unfolded(answer.body, answer.headers['Content-Encoding'], request.limits.bodyBytes)
  const text = textOf(content, type, args.decode_body)
  const body = args.decode_body || typeof text === 'string' ? text : Uint8Array.from(answer.body)
  const isGood = answer.status >= 200 && answer.status < 300
  if (!isGood && args.raise_error) return { ...tested, status: answer.status, error: `HTTP ${answer.status}: ${answer.reason || 'Unknown'}`, body }
  await writeOut(context, args, answer, content)
  const told = { ...tested, body, ...(args.status && { status: answer.status }), ...(args.headers && { headers: answer.headers }) }
  if (!args.decode) return { ...told, ...(args.text && { text }) }
  const format = formatOf(args.decode_type, type)
  if (format === undefined) return { ...told, error: "Invalid decode_type specified. Valid decode types are: ('json', 'xml', 'yaml', 'plain')" }
  const dict = format === 'plain' ? {} : { dict: readBody(text, format) }
  if (args.decode_out !== null) await rewriteFile(filePath(context, args.decode_out), content)
  return { ...told, ...dict, ...((args.text || format === 'plain') && { text }) }
}

async function writeOut(context: BuiltinContext, args: QueryArgs, { headers }: WebAnswer, content: Buffer): Promise<void> {
  if (args.text_out !== null) await rewriteFile(filePath(context, args.text_out), content)
  if (args.headers_out === null) return
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\n`)
  await rewriteFile(filePath(context, args.headers_out), Buffer.from(lines.join('')))
}

/** Asks until an answer is no error. What came last is the result when the time (seconds) is over. */
async function queryUntil(context: BuiltinContext, waitFor: number, intervalMs: number, ask: () => Promise<ValueObject>): Promise<Value> {
  const { clock } = context.agent
  const end = clock.monotonic() + waitFor * 1000
  for (;;) {
    const result = await ask().catch((error: unknown) => {
      context.signal.throwIfAborted()
      return { thrown: error }
    })
    const failed = 'thrown' in result
    if (!failed && !isTruthy(get(result, 'error') ?? null)) return result
    if (clock.monotonic() > end) {
      if (failed) throw result.thrown
      return result
    }
    await pause(clock, intervalMs, context.signal)
  }
}

export default defineModule<BuiltinContext>({
  name: 'http',
  functions: {
    query: defineFunction({
      doc: [
        'Asks a web server. Returns a map with the body; an error (and, of a server that answered, the status) when it did not go well.',
        '',
        'status, headers, text: puts these into the map. decode: puts what a JSON, XML or YAML body says into dict, by decode_type or the',
        "type of the answer. data: a text, or a map that is sent as a form; params: a map for the url's query; header_dict or header_list:",
        'headers; username, password: basic authentication; opts: http_connect_timeout, http_request_timeout (seconds), http_max_body',
        '(bytes) for this once. raise_error=False: an HTTP error is a result like any other.',
        'Example: http.query https://example.org/api method=POST data=\'{"a": 1}\' status=True decode=True',
      ].join('\n'),
      args: { url: param.text(), ...queryParams },
      kwargs: 'kwargs',
      run(context: BuiltinContext, { url, ...args }, { kwargs }) {
        refuseMissing(kwargs)
        return query(context, url, args)
      },
    }),
    wait_for_successful_query: defineFunction({
      doc: [
        'Asks a web server as http.query does, until the answer is no error or wait_for seconds are over; then the last one is returned.',
        '',
        'request_interval: seconds between two tries, 1 when it is not given, 0.1 at least.',
      ].join('\n'),
      args: { url: param.text(), wait_for: param.number(300), request_interval: param.number(null), ...queryParams },
      kwargs: 'kwargs',
      run(context: BuiltinContext, { url, wait_for: waitFor, request_interval: interval, ...args }, { kwargs }) {
        refuseMissing(kwargs)
        if (interval !== null && interval < 0) throw new CommandExecutionError('sleep length must be non-negative')
        return queryUntil(context, waitFor, interval === null ? waitMs : Math.max(interval * 1000, leastWaitMs), () => query(context, url, args))
      },
    }),
  },
})
