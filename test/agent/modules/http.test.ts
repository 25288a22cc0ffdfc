import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createFakeClock } from '../../helpers/fake-clock.ts'
import { startHttpSink } from '../../helpers/http-sink.ts'
import type { HttpSink, SunkRequest } from '../../helpers/http-sink.ts'
import { until } from '../../helpers/until.ts'
import { createHarness } from '../jobs/harness.ts'
import { createModuleBench } from './module-bench.ts'

const { directory, result, run } = createModuleBench()
const at = (name: string) => join(directory, name)
const self = { status: 200, headers: { 'Content-Type': 'text/plain' }, body: 'hello' as string | Buffer }
const xml = '<r xmlns="http://n"><a>1</a><b><c>x</c><c>y</c></b><d/><e f="g">t &amp; u</e><p:f xmlns:p="q">v</p:f></r>'
const plain = (encoding: string, body: Buffer) => ({ status: 200, headers: { 'Content-Type': 'text/plain', 'Content-Encoding': encoding }, body })

/** What the server answers, by path. */
const answers: Record<string, { status: number; headers: Record<string, string | string[]>; body: string | Buffer }> = {
  '/ok': self,
  '/json': { status: 200, headers: { 'Content-Type': 'application/json; charset=utf-8' }, body: '{"a":[1,2.5,null,"ü"]}' },
  '/badjson': { status: 200, headers: { 'Content-Type': 'application/json' }, body: '{"a":' },
  '/xml': { status: 200, headers: { 'Content-Type': 'text/xml' }, body: xml },
  '/bomb': { status: 200, headers: { 'Content-Type': 'text/xml' }, body: '<!DOCTYPE r [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><r><x>&b;</x></r>' },
  '/yaml': { status: 200, headers: { 'Content-Type': 'application/x-yaml' }, body: 'a: [1, yes, 2020-01-01]\nb: ~\n' },
  '/long': { status: 200, headers: { 'Content-Type': 'application/x-yaml' }, body: 'a: b\n'.repeat(60_000) },
  '/notype': { status: 200, headers: {}, body: '{"x":1}' },
  '/404': { status: 404, headers: { 'Content-Type': 'text/plain' }, body: 'not here' },
  '/302n': { status: 302, headers: {}, body: 'nowhere' },
  '/loop': { status: 302, headers: { Location: '/loop' }, body: 'loop' },
  '/ftp': { status: 302, headers: { Location: 'ftp://127.0.0.1/' }, body: '' },
  '/gzip': plain('gzip', gzipSync('squeezed')),
  '/deflate': plain('deflate', deflateSync('squeezed')),
  '/rawdeflate': plain('deflate', deflateRawSync('squeezed')),
  '/br': plain('br', brotliCompressSync('squeezed')),
  '/unfolds': plain('gzip', gzipSync(Buffer.alloc(100_000))),
  '/torn': plain('gzip', gzipSync('squeezed').subarray(0, 20)),
  '/latin1': { status: 200, headers: { 'Content-Type': 'text/plain; charset=iso-8859-1' }, body: Buffer.from([0xfc, 0x41]) },
  '/binary': { status: 200, headers: { 'Content-Type': 'application/octet-stream' }, body: Buffer.from([0, 255, 254]) },
  '/multi': { status: 200, headers: { 'X-A': ['1', '2'], 'x-lower-CASE': 'v' }, body: 'm' },
  '/big': { status: 200, headers: {}, body: 'x'.repeat(5000) },
}

let server: HttpSink
let other: HttpSink
let secure: HttpSink
/** Answers of `/flaky` that are still errors. */
let failures = 0

const base = () => server.url.replace('/hook', '')
const ask = (path: string, keywords = {}) => result('http.query', [`${base()}${path}`], keywords)

function answer({ method, path, headers, body }: SunkRequest, reply: ServerResponse): void {
  const known = answers[path]
  const redirect = /^\/(30[1-8])(to)?$/.exec(path)
  if (known !== undefined) return void reply.writeHead(known.status, known.headers).end(known.body)
  if (redirect !== null) return void reply.writeHead(Number(redirect[1]), { Location: redirect[2] === undefined ? '/echo' : other.url }).end('moved')
  if (path === '/cut') return void reply.writeHead(200, { 'Content-Length': '100' }).write('part', () => reply.destroy())
  if (path === '/silent') return
  if (path === '/flaky') {
    failures -= 1
    return void reply.writeHead(failures < 0 ? 200 : 503).end('so')
  }
  const { host: _host, connection: _connection, ...told } = headers
  reply.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ method, path, headers: told, body }))
}

beforeAll(async () => {
  server = await startHttpSink(answer)
  other = await startHttpSink(answer)
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', at('key.pem'), '-out', at('cert.pem'), '-subj', '/CN=here', '-addext', 'subjectAltName=IP:127.0.0.1'], { stdio: 'ignore' })
  const pair = { key: readFileSync(at('key.pem')), cert: readFileSync(at('cert.pem')) }
  secure = await startHttpSink((_request, reply) => void reply.end('safe'), { ...pair, ca: pair.cert, requestCert: true, rejectUnauthorized: false })
})

afterAll(async () => {
  await Promise.all([server, other, secure].map((one) => one.close()))
})

// What Salt's own function answered for the same, as far as it does not fail by mistake.
test.each([
  ['/ok', {}, { body: 'hello' }],
  ['/ok', { status: true, text: true, headers: true }, { body: 'hello', status: 200, text: 'hello', headers: expect.objectContaining({ 'Content-Type': 'text/plain' }) as unknown }],
  ['/ok', { decode: true }, { body: 'hello', text: 'hello' }],
  ['/ok', { decode: true, decode_type: 'nope' }, { body: 'hello', error: "Invalid decode_type specified. Valid decode types are: ('json', 'xml', 'yaml', 'plain')" }],
  ['/json', { decode: true }, { body: '{"a":[1,2.5,null,"ü"]}', dict: { a: [1, 2.5, null, 'ü'] } }],
  ['/xml', { decode: true }, { body: xml, dict: [{ a: '1' }, { c: ['x', { c: 'y' }] }, { d: null }, { e: 't & u' }, { f: 'v' }] }],
  ['/yaml', { decode: true }, { body: 'a: [1, yes, 2020-01-01]\nb: ~\n', dict: { a: [1, true, '2020-01-01'], b: null } }],
  ['/notype', { decode: true }, { body: '{"x":1}', dict: { x: 1 } }],
  ['/404', {}, { status: 404, error: 'HTTP 404: Not Found', body: 'not here' }],
  ['/404', { raise_error: false }, { body: 'not here' }],
  ['/302n', {}, { status: 302, error: 'HTTP 302: Found', body: 'nowhere' }],
  ['/loop', {}, { status: 302, error: 'HTTP 302: Found', body: 'loop' }],
  ['/deflate', {}, { body: 'squeezed' }],
  ['/rawdeflate', { text: true }, { body: 'squeezed', text: 'squeezed' }],
  ['/gzip', {}, { body: 'squeezed' }],
  ['/br', {}, { body: 'squeezed' }],
  ['/gzip', { decode_body: false, text: true }, { body: Uint8Array.from(gzipSync('squeezed')), text: Uint8Array.from(Buffer.from('squeezed')) }],
  ['/latin1', {}, { body: 'üA' }],
  ['/binary', {}, { body: Uint8Array.of(0, 255, 254) }],
  ['/multi', { headers: true }, { body: 'm', headers: expect.objectContaining({ 'X-A': '1,2', 'X-Lower-Case': 'v' }) as unknown }],
  ['/big', { opts: { http_max_body: 1000 } }, { status: 599, error: 'the body is larger than 1000 bytes (http_max_body)' }],
  ['/cut', {}, { status: 599, error: 'Stream closed' }],
  ['/silent', { opts: { http_request_timeout: 0.05 } }, { status: 599, error: 'Timeout during request' }],
  ['/ok', { test: true }, {}],
])('%s with %j', async (path, keywords, expected) => {
  expect(await ask(path, keywords)).toEqual(expected)
})

/** What the server was asked, as it tells itself. */
async function echoed(path: string, keywords = {}): Promise<Pick<SunkRequest, 'method' | 'path' | 'headers' | 'body'>> {
  const { body } = (await ask(path, keywords)) as { body: string }
  return JSON.parse(body) as SunkRequest
}

const form = 'application/x-www-form-urlencoded'
const agent = 'brine http.query()'

test.each([
  ['/echo', {}, { method: 'GET', path: '/echo', headers: { 'user-agent': agent }, body: '' }],
  ['/echo?z=1#part', { params: { a: 'b c', d: [1, 2] } }, { path: '/echo?z=1&a=b+c&d=%5B1%2C+2%5D' }],
  ['/echo', { method: 'POST', data: { a: 'b c', d: 1 } }, { method: 'POST', body: 'a=b+c&d=1', headers: { 'user-agent': agent, 'content-type': form, 'content-length': '9' } }],
  ['/echo', { method: 'PUT', data: 'ü', header_dict: { 'content-type': 'text/x', 'X-N': 1, 'Content-Length': 99 } }, { headers: { 'user-agent': agent, 'content-type': 'text/x', 'x-n': '1', 'content-length': '2' } }],
  ['/echo', { header_list: ['X-A: 1:2', 'bad'], agent: 'me' }, { headers: { 'user-agent': 'me', 'x-a': '1:2' } }],
  ['/echo', { username: 'u', password: 'p:' }, { headers: { 'user-agent': agent, authorization: 'Basic dTpwOg==' } }],
  ['/301', { method: 'POST', data: 'x' }, { method: 'GET', body: '', headers: { 'user-agent': agent } }],
  ['/303', { method: 'PUT', data: 'x' }, { method: 'GET', body: '' }],
  ['/307', { method: 'POST', data: 'x' }, { method: 'POST', body: 'x' }],
  ['/302', { username: 'u', password: 'p' }, { headers: { 'user-agent': agent, authorization: 'Basic dTpw' } }],
  // To another server, what is secret is not told.
  ['/302to', { username: 'u', password: 'p', header_dict: { Cookie: 'c=1', 'X-A': '1' } }, { path: '/hook', headers: { 'user-agent': agent, 'x-a': '1' } }],
  ['/307to', { header_dict: { authorization: 'Bearer t' } }, { path: '/hook', headers: { 'user-agent': agent } }],
])('what is asked of %s with %j', async (path, keywords, expected) => {
  expect(await echoed(path, keywords)).toMatchObject(expected)
  expect(Object.keys((await echoed(path, keywords)).headers)).toHaveLength(Object.keys('headers' in expected ? expected.headers : (await echoed(path, keywords)).headers).length)
})

test('files are sent and written', async () => {
  writeFileSync(at('data'), 'of a file\n')
  writeFileSync(at('headers'), 'X-F: 1\nX-G: 2\n')

  expect(await echoed('/echo', { method: 'POST', data_file: at('data'), header_file: at('headers') })).toMatchObject({ body: 'of a file\n', headers: { 'x-f': '1', 'x-g': '2' } })
  await ask('/gzip', { text_out: at('text'), decode_out: at('decoded'), headers_out: at('headers.out'), decode: true })
  expect([readFileSync(at('text'), 'utf8'), readFileSync(at('decoded'), 'utf8')]).toEqual(['squeezed', 'squeezed'])
  expect(readFileSync(at('headers.out'), 'utf8')).toContain('Content-Encoding: gzip\n')
})

test('a server must show a certificate that is trusted', async () => {
  const safe = (keywords = {}) => result('http.query', [secure.url], { status: true, ...keywords })

  expect(await safe()).toEqual({ status: 0, error: 'certificate verify failed: self-signed certificate' })
  expect(await safe({ ca_bundle: at('cert.pem') })).toEqual({ body: 'safe', status: 200 })
  expect(await safe({ verify_ssl: false, cert: [at('cert.pem'), at('key.pem')] })).toEqual({ body: 'safe', status: 200 })
  expect(await result('http.query', [base().replace('http:', 'https:')])).toEqual({ error: '[SSL] wrong version number' })
})

test.each([
  ['http://127.0.0.1:1/', { error: '[Errno 111] Connection refused' }],
  ['http://nosuch.invalid/', { error: expect.stringMatching(/^\[Errno -[23]\] /) as unknown }],
])('%s is not reached', async (url, expected) => {
  expect(await result('http.query', [url])).toEqual(expected)
  expect(await result('http.query', [url], { status: true, raise_error: false })).toEqual({ ...expected, status: 0 })
})

test.each([
  ['ftp://127.0.0.1/', {}, 'ERROR: Unsupported url scheme: ftp://127.0.0.1/'],
  ['/ftp', {}, 'ERROR: Unsupported url scheme: ftp://127.0.0.1/'],
  ['/badjson', { decode: true }, /^ERROR: the body cannot be decoded as json: /],
  ['/bomb', { decode: true }, /^ERROR: the body cannot be decoded as xml: /],
  ['/long', { decode: true }, 'ERROR: the body is larger than the 262144 bytes that are decoded as yaml'],
  ['/unfolds', { opts: { http_max_body: 1000 } }, /^ERROR: the body cannot be decompressed \(gzip\): /],
  ['/torn', {}, /^ERROR: the body cannot be decompressed \(gzip\): /],
  ['/ok', { header_dict: { 'X-A': 'a\r\nX-B: b' } }, /Invalid character in header content/],
  ['/ok', { method: 'GET /x' }, /is no method of a request/],
  ['/ok', { stream: true }, /stream is not supported by this minion/],
  ['/ok', { data_file: 'data' }, /File path must be absolute: data/],
  ['/ok', { opts: { http_request_timeout: 'soon' } }, /http_request_timeout must be a number above 0/],
])('%s with %j is refused', async (path, keywords, expected) => {
  const ret = await run('http.query', [path.startsWith('/') ? `${base()}${path}` : path], keywords)

  expect(ret.success).toBe(false)
  expect(ret.return).toMatch(expected)
})

test('a server is asked again until it answers well, or the time is over; not faster than is sensible', async () => {
  const clock = createFakeClock()
  const harness = createHarness({ services: { clock } })
  const url = `${base()}/flaky`
  const wait = (keywords: object) => harness.run('http.wait_for_successful_query', [url, { __kwarg__: true, status: true, ...keywords }])
  const next = async (ms: number) => {
    await until(() => clock.pending().includes(ms), `it waits ${ms} ms`)
    await clock.advance(ms)
  }
  failures = 2
  const good = wait({})
  await next(1000)
  await next(1000)
  expect((await good).return).toEqual({ body: 'so', status: 200 })

  failures = 1000
  const bad = wait({ wait_for: 0.15, request_interval: 0 })
  await next(100)
  await next(100)
  expect((await bad).return).toEqual({ status: 503, error: 'HTTP 503: Service Unavailable', body: 'so' })
  await harness.close()
})
