import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import definition from '../../returners/http/index.ts'
import { checkOptions } from '../../returners/lib/check-options.ts'
import { replyError, retryAfter } from '../../returners/lib/http.ts'
import { sampleContext, sampleItem, sampleReturn } from '../../returners/testing.ts'
import { type HttpSink, startHttpSink } from '../helpers/http-sink.ts'

const never = new AbortController().signal
const items = [1, 2, 3].map((number) => sampleItem(sampleReturn(`2025010100000000000${number}`)))
const cleanups: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function open(options: Record<string, unknown>) {
  const checked = checkOptions(definition.options, options)
  if (!checked.ok) throw new Error(JSON.stringify(checked.issues))
  const handle = await definition.open(checked.options, sampleContext())
  cleanups.push(() => handle.close())
  return handle
}

async function sink(...args: Parameters<typeof startHttpSink>): Promise<HttpSink> {
  const started = await startHttpSink(...args)
  cleanups.push(() => started.close())
  return started
}

/** Answers with these statuses, in turn. */
function statuses(...list: number[]): Parameters<typeof startHttpSink>[0] {
  return (_request, reply) => void reply.writeHead(list.shift() ?? 204).end('because\nof this')
}

async function errorOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(() => expect.fail('it resolved'), (error: unknown) => error)
}

test('sends one request per return, with the key, the headers and the credentials', async () => {
  const { url, requests } = await sink()
  const hook = await open({ url, headers: { 'X-Site': 'paris' }, username: 'minion', password: 'pass', method: 'PUT' })

  await hook.returner(items, never)

  expect(requests.map(({ body }) => JSON.parse(body) as unknown)).toEqual(items.map((item) => item.ret))
  expect(requests[0]).toMatchObject({
    method: 'PUT',
    path: '/hook',
    headers: { 'idempotency-key': '20250101000000000001/minion/test', 'x-site': 'paris', authorization: 'Basic bWluaW9uOnBhc3M=', 'content-type': 'application/json' },
  })
})

test('sends a batch as one array', async () => {
  const { url, requests } = await sink()
  const hook = await open({ url, format: 'array', token: 't0ken' })

  await hook.returner(items, never)

  expect(requests.map(({ body }) => JSON.parse(body) as unknown)).toEqual([items.map((item) => item.ret)])
  expect(requests[0]?.headers.authorization).toBe('Bearer t0ken')
})

test('a key of strange characters is still a header', async () => {
  const { url, requests } = await sink()
  const hook = await open({ url, key_header: 'X-Key' })

  await hook.returner([{ ...sampleItem(sampleReturn('1')), key: 'a\r\nX-Evil: 1 ż \ud800' }], never)

  expect(requests[0]?.headers['x-key']).toBe('a%0D%0AX-Evil:%201%20%C5%BC%20%EF%BF%BD')
  expect(requests[0]?.headers['x-evil']).toBeUndefined()
})

/** What a status means, by the kind of error it becomes. */
function codes(status: number, header?: string): string {
  const headers = header === undefined ? {} : { 'retry-after': header }
  const error = replyError(new URL('http://host/secret/path'), { status, headers, text: '', cut: false }, 0)
  return error === null ? 'stored' : error.name
}

describe('the one table of statuses', () => {
  test.each([
    ['stored', [200, 201, 202, 204]],
    ['Error', [408, 409, 425, 429, 500, 502, 503, 504, 599]],
    ['PermanentError', [400, 413, 422]],
    ['OperatorError', [301, 302, 308, 401, 403, 404, 405, 407, 410, 415, 451]],
  ])('%s', (kind, list) => {
    expect(list.map((status) => codes(status))).toEqual(list.map(() => kind))
  })

  test('Retry-After in seconds and as a date, bounded', () => {
    expect(codes(503, '7')).toBe('RetryAfterError')
    expect(retryAfter('7', 0)).toBe(7000)
    expect(retryAfter('Thu, 01 Jan 1970 00:01:00 GMT', 20_000)).toBe(40_000)
    expect(retryAfter('Thu, 01 Jan 1970 00:01:00 GMT', 90_000)).toBe(0)
    expect(retryAfter('999999999', 0)).toBe(3_600_000)
    expect(retryAfter('soon', 0)).toBe(null)
    expect(retryAfter(undefined, 0)).toBe(null)
  })
})

test('says what came of a batch of which a part was refused', async () => {
  const { url, requests } = await sink(statuses(200, 422, 200))
  const hook = await open({ url })

  expect(await errorOf(hook.returner(items, never))).toMatchObject({
    code: 'BRINE_PARTIAL',
    stored: [items[0]?.key, items[2]?.key],
    rejected: [{ key: items[1]?.key, error: `${new URL(url).origin} answered 422: because` }],
  })
  expect(requests).toHaveLength(3)
})

test('stops a batch where the receiver fails, and keeps what was stored', async () => {
  const { url, requests } = await sink(statuses(200, 500))
  const hook = await open({ url })

  expect(await errorOf(hook.returner(items, never))).toMatchObject({ code: 'BRINE_PARTIAL', stored: [items[0]?.key], rejected: [] })
  expect(requests).toHaveLength(2)
})

test('a first failure keeps its own kind, with the time to come back', async () => {
  const { url } = await sink((_request, reply) => void reply.writeHead(429, { 'retry-after': '3' }).end())
  const hook = await open({ url })

  expect(await errorOf(hook.returner(items, never))).toMatchObject({ code: 'BRINE_RETRY_AFTER', afterMs: 3000 })
})

test('no message shows the path, where tokens of web hooks stand', async () => {
  const { url } = await sink(statuses(404))
  const hook = await open({ url: `${url}/t0ken?key=t0ken` })

  const error = await errorOf(hook.returner(items, never))

  expect(error).toMatchObject({ name: 'OperatorError' })
  expect(String(error)).not.toContain('t0ken')
})

test('a receiver that is not there, or answers nonsense, or never, is tried again', async () => {
  const nonsense = createServer((socket) => socket.end('what?'))
  const silent = createServer(() => {})
  const urls = await Promise.all([nonsense, silent].map((server) => new Promise<string>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`)
    })
  })))
  cleanups.push(async () => void [nonsense.close(), silent.close()])

  for (const url of ['http://127.0.0.1:9/', ...urls]) {
    const hook = await open({ url, timeout: 0.2 })
    const error = await errorOf(hook.returner(items, never))
    expect(error).toMatchObject({ name: 'Error' })
  }
  const hook = await open({ url: urls[1] })
  const stop = new AbortController()
  const call = errorOf(hook.returner(items, stop.signal))
  stop.abort()
  expect(await call).toMatchObject({ name: 'Error', message: expect.stringMatching(/stopped before the answer/) })
})

test('a reply without end costs no memory and no time', async () => {
  const { url } = await sink((_request, reply) => {
    reply.writeHead(200)
    const more = () => {
      while (!reply.destroyed && reply.write('x'.repeat(65_536)));
      if (!reply.destroyed) reply.once('drain', more)
    }
    more()
  })
  const hook = await open({ url })

  await expect(hook.returner(items, never)).resolves.toBeUndefined()
})

test.each([['ftp://host/'], ['not a url'], ['http://user:pass@host/']])('refuses the url %s when it opens', async (url) => {
  const error = await errorOf(open({ url }))

  expect(error).toMatchObject({ name: 'OperatorError' })
  expect(String(error)).not.toContain('pass@')
})

test('a certificate is verified unless told otherwise, and a wrong one is for an operator', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'brine-tls-'))
  cleanups.push(() => rm(directory, { recursive: true }))
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert,
  ], { stdio: 'ignore' })
  const { url, requests } = await sink(undefined, { key: await readFile(key), cert: await readFile(cert) })

  const strict = await open({ url })
  expect(await errorOf(strict.returner(items, never))).toMatchObject({ name: 'OperatorError' })
  await (await open({ url, ca: cert })).returner(items, never)
  await (await open({ url, verify: false })).returner(items, never)

  expect(requests).toHaveLength(6)
})
