import { join } from 'node:path'
import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createLinkBench, MINION_ID } from '../../helpers/link-bench.ts'
import { createRsaPair, createScriptedMaster, SILENCE } from '../../helpers/scripted-master.ts'
import { until } from '../../helpers/until.ts'
import { createCrypticle, generateKeyText } from '../../../agent/wire/crypticle.ts'
import { encode } from '../../../agent/wire/msgpack.ts'
import { pemFingerprint } from '../../../agent/wire/pem.ts'
import type { LinkBench, LinkBenchOptions } from '../../helpers/link-bench.ts'
import type { RsaPair, ScriptedMaster } from '../../helpers/scripted-master.ts'
import type { ValueObject } from '../../../agent/wire/value.ts'

let key: RsaPair
let other: RsaPair
let master: ScriptedMaster
let benches: LinkBench[] = []

beforeAll(() => {
  key = createRsaPair()
  other = createRsaPair()
})
afterAll(() => expect(benches).toEqual([]))
beforeEach(async () => {
  master = await createScriptedMaster(key)
})
afterEach(async () => {
  await Promise.all(benches.map((bench) => bench.close()))
  benches = []
  await master.shut()
})

async function begin(options?: LinkBenchOptions): Promise<LinkBench> {
  const bench = await createLinkBench(master, options)
  benches.push(bench)
  bench.link.start()
  return bench
}

async function connected(options?: LinkBenchOptions): Promise<LinkBench> {
  const bench = await begin(options)
  await bench.reached('connected')
  await until(() => master.subscribers === 1, 'the master has a subscriber')
  return bench
}

const commands = (): unknown[] => master.requests.map((load) => load['cmd'])
const auths = (): number => commands().filter((cmd) => cmd === '_auth').length
const ret = (value: ValueObject | boolean | string) => (load: ValueObject): Uint8Array => master.signed({ ret: value, nonce: load['nonce'] })
const ping: ValueObject = { fun: 'test.ping', jid: '1' }
const codeOf = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => 'answered', (error: unknown) => (error as { code?: unknown }).code)

describe('connecting', () => {
  test('goes through its states, pins the key and says so', async () => {
    const { states, link, pkiDir, said } = await connected()
    expect(states).toEqual(['connecting', 'authenticating', 'connected'])
    expect(link.fingerprint).toBe(pemFingerprint(key.publicPem))
    expect(readFileSync(join(pkiDir, 'minion_master.pub'), 'utf8')).toBe(key.publicPem)
    expect(said('pinned')).toHaveLength(1)
  })

  test('a pending key keeps asking until it is accepted', async () => {
    master.script.auth = ret(true)
    const { reached, states, link } = await begin()
    await until(() => auths() > 3, 'it has asked four times')
    expect(link.detail).toMatch(/salt-key -a/)
    master.script.auth = (load) => master.signed(master.acceptance(load))
    await reached('connected')
    expect(states).toEqual(['connecting', 'authenticating', 'pending', 'connected'])
  })

  test.each([[false, 'rejected', /salt-key -d/], ['full', 'full', /max_minions/]] as const)(
    'ret %s: says what to do, keeps running and asks again', async (value, state, hint) => {
      master.script.auth = ret(value)
      const { reached, link, said } = await begin()
      await reached(state)
      expect(link.detail).toMatch(hint)
      await until(() => auths() > 2, 'it has asked again')
      expect(said(link.detail ?? 'nothing')).toHaveLength(1)
      master.script.auth = (load) => master.signed(master.acceptance(load))
      await reached('connected')
    })

  test('a changed master key is refused, and nothing is asked of that master', async () => {
    const { reached, link, lines } = await begin({ pinned: other.publicPem })
    await reached('waiting')
    await until(() => auths() > 1, 'it has asked again')
    expect(link.detail).toContain(pemFingerprint(key.publicPem))
    expect(link.detail).toContain(pemFingerprint(other.publicPem))
    expect(new Set(commands())).toEqual(new Set(['_auth']))
    expect(lines.filter((line) => line.message === 'this master is not trusted')).toHaveLength(1)
  })

  test('a refused connection is tried for ever', async () => {
    await master.shut()
    const { reached, states, link } = await begin()
    await until(() => states.filter((state) => state === 'connecting').length > 3, 'it has tried four times')
    expect(link.detail).toMatch(/ECONNREFUSED/)
    await master.listen()
    await reached('connected')
  })

  test('a silent master is given up after the time for a handshake, which grows', async () => {
    master.script.auth = () => SILENCE
    const { link, reached } = await begin({ timing: { authTimeoutMs: 20 } })
    await until(() => link.detail?.includes('no reply within 60 ms'), 'the third handshake had three times as long')
    master.script.auth = (load) => master.signed(master.acceptance(load))
    await reached('connected')
    expect(link.detail).toBeUndefined()
  })

  test('a lost master is found again on new sockets', async () => {
    const { reached } = await connected()
    await master.shut()
    await reached('waiting')
    master.sharedKey = generateKeyText()
    await master.listen()
    await reached('connected')
    expect(auths()).toBeGreaterThan(1)
  })

  test('the end of the publish socket alone is noticed', async () => {
    const { states } = await connected()
    master.cut('publications')
    await until(() => states.filter((state) => state === 'connected').length === 2, 'it has connected again')
    expect(states).toContain('waiting')
  })

  test('stopping ends everything, and nothing is emitted afterwards', async () => {
    const { link, states } = await connected()
    const before = states.length
    await link.stop()
    expect(link.state).toBe('stopped')
    expect(states.length).toBe(before)
    await until(() => master.subscribers === 0, 'the master has no subscriber')
    expect(await codeOf(link.request(ping))).toBe('NOT_CONNECTED')
  })
})

describe('a master that has gone without a word', () => {
  test('is noticed: both sockets open, no answers', async () => {
    const { states, link } = await connected({ timing: { probeIntervalMs: 10, probeTimeoutMs: 30 } })
    await until(() => commands().includes('_master_opts'), 'the master was asked for a sign of life')
    expect(link.state).toBe('connected')
    master.script.answer = () => SILENCE
    await until(() => states.includes('waiting'), 'the silence was noticed')
    master.script.answer = () => null
    await until(() => states.at(-1) === 'connected', 'it has connected again')
  })

  test('an answer that says error is a sign of life', async () => {
    master.script.answer = () => encode('Some exception handling minion payload')
    const { states } = await connected({ timing: { probeIntervalMs: 10 } })
    await until(() => commands().filter((cmd) => cmd === '_master_opts').length > 3, 'four signs of life were asked for')
    expect(states.at(-1)).toBe('connected')
  })

  test('a timed out request leads to the question at once', async () => {
    const { link, states } = await connected()
    master.script.answer = (load) => (load['cmd'] === 'slow' ? SILENCE : null)
    expect(await codeOf(link.request({ cmd: 'slow' }, { timeoutMs: 20 }))).toBe('TIMEOUT')
    await until(() => commands().includes('_master_opts'), 'a sign of life was asked for')
    expect(await codeOf(link.request({ cmd: 'quick' }))).toBe('answered')
    expect(states.at(-1)).toBe('connected')
  })
})

describe('requests', () => {
  test('carry id, token, time and a new nonce, and give the answer', async () => {
    master.script.answer = (load) => ({ echo: load['cmd'] ?? null })
    const { link } = await connected()
    expect(await link.request({ cmd: 'a' })).toEqual({ echo: 'a' })
    expect(await link.sendReturn({ cmd: 'b' })).toEqual({ echo: 'b' })
    const [first, second] = master.requests.slice(-2)
    expect(first).toMatchObject({ id: MINION_ID, ts: expect.any(Number) as number, tok: expect.anything() as unknown })
    expect(first?.['nonce']).not.toBe(second?.['nonce'])
  })

  test('many at once get each its own answer', async () => {
    master.script.answer = (load) => load['n'] ?? null
    const { link } = await connected()
    const answers = await Promise.all(Array.from({ length: 200 }, (_one, n) => link.request({ cmd: 'n', n })))
    expect(answers).toEqual(Array.from({ length: 200 }, (_one, n) => n))
  })

  test('an answer with a serial keeps it', async () => {
    master.script.answer = () => ({ serial: 0 })
    const { link } = await connected()
    expect(await link.request({ cmd: 'a' })).toEqual({ serial: 0 })
  })

  test('returns have a socket of their own: a stuck one delays no answer', async () => {
    master.script.answer = (load) => (load['cmd'] === '_return' ? SILENCE : null)
    const { link } = await connected()
    const stuck = codeOf(link.sendReturn({ cmd: '_return' }, { timeoutMs: 500 }))
    expect(await link.request({ cmd: 'a' })).toBeNull()
    expect(await stuck).toBe('TIMEOUT')
  })

  test('an answer to another request ends the socket, and the next one works', async () => {
    let wrong = true
    master.script.answer = () => (wrong ? encode(createCrypticle(master.sessionKey).seal(null, 'f'.repeat(32))) : null)
    const { link } = await connected()
    expect(await codeOf(link.request({ cmd: 'a' }))).toBe('PROTOCOL')
    wrong = false
    expect(await codeOf(link.request({ cmd: 'b' }))).not.toBe('PROTOCOL')
  })

  test('too large ones are refused before they are sent', async () => {
    const { link, states } = await connected()
    const before = master.requests.length
    expect(await codeOf(link.sendReturn({ cmd: '_return', return: 'x'.repeat(5_000_000) }))).toBe('TOO_LARGE')
    expect(await codeOf(link.sendReturn({ cmd: '_return', return: 'x'.repeat(link.maxRequestBytes - 100) }))).toBe('answered')
    expect(master.requests.length).toBe(before + 1)
    expect(states.at(-1)).toBe('connected')
  })

  test('given up ones reject at once, and the order of answers holds', async () => {
    master.script.answer = (load) => load['n'] ?? null
    const { link } = await connected()
    const abort = new AbortController()
    const gone = codeOf(link.request({ cmd: 'n', n: 1 }, { signal: abort.signal }))
    const next = link.request({ cmd: 'n', n: 2 })
    abort.abort()
    expect(await gone).toBe('ABORTED')
    expect(await next).toBe(2)
  })

  test('a private one is opened, on a socket of its own', async () => {
    master.script.pillar = { role: 'web' }
    const { link } = await connected()
    const before = master.requestSockets
    expect(await link.requestPrivate({ cmd: '_pillar' }, 'pillar')).toEqual({ role: 'web' })
    expect(master.requestSockets).toBe(before + 1)
  })

  test('without a connection they are refused at once', async () => {
    const bench = await createLinkBench(master)
    benches.push(bench)
    expect(await codeOf(bench.link.request(ping))).toBe('NOT_CONNECTED')
    expect(await codeOf(bench.link.sendReturn(ping))).toBe('NOT_CONNECTED')
  })
})

describe('a new session key', () => {
  test('is fetched once for all who miss it, and their requests are sent again', async () => {
    master.script.answer = (load) => load['n'] ?? null
    const { link, states } = await connected()
    master.sessionKey = generateKeyText()
    expect(await Promise.all(Array.from({ length: 20 }, (_one, n) => link.request({ cmd: 'n', n })))).toEqual(Array.from({ length: 20 }, (_one, n) => n))
    expect(auths()).toBe(2)
    expect(states.at(-1)).toBe('connected')
  })

  test('that flips back and forth for a while is followed', async () => {
    const { link } = await connected()
    let flips = 2
    master.script.auth = (load) => {
      const reply = master.signed(master.acceptance(load))
      if (flips > 0) master.sessionKey = generateKeyText()
      flips -= 1
      return reply
    }
    master.sessionKey = generateKeyText()
    expect(await link.request({ cmd: 'a' })).toBeNull()
    expect(auths()).toBe(4)
  })

  test('that never helps is given up, and the link stays', async () => {
    master.script.answer = () => encode('bad load')
    const { link, states } = await connected()
    expect(await codeOf(link.request({ cmd: 'a' }))).toBe('MASTER')
    expect(states.at(-1)).toBe('connected')
  })

  test('that is denied since the key was deleted leads to pending', async () => {
    const { link, reached } = await connected()
    master.sessionKey = generateKeyText()
    master.script.auth = ret(true)
    expect(await codeOf(link.request({ cmd: 'a' }))).toBe('NOT_CONNECTED')
    await reached('pending')
  })
})

describe('publications', () => {
  test('are emitted in order, without their serial', async () => {
    const { publications } = await connected()
    master.publish({ fun: 'test.ping', jid: '1' })
    master.publish({ fun: 'test.ping', jid: '2' })
    await until(() => publications.length === 2, 'both came')
    expect(publications).toEqual([{ fun: 'test.ping', jid: '1' }, { fun: 'test.ping', jid: '2' }])
  })

  test('a failing listener is logged and hinders nobody', async () => {
    const { link, publications, said } = await connected()
    link.onPublication(() => {
      throw new Error('broken')
    })
    master.publish(ping)
    await until(() => said('listener').length === 1, 'the failure was logged')
    expect(publications).toHaveLength(1)
  })

  test.each([
    ['that nobody signed', () => master.publish(ping, { signWith: null }), 'without a good signature'],
    ['that another signed', () => master.publish(ping, { signWith: other.privateKey }), 'without a good signature'],
    ['with an old serial', () => master.publish({ ...ping, serial: 0 }), 'came before'],
    ['that is no map', () => master.publishBytes(encode([1, 2])), 'malformed'],
  ])('one %s is dropped with a log line, and the next is taken', async (_name, publish, message) => {
    const { publications, said } = await connected()
    publish()
    master.publish({ fun: 'test.ping', jid: 'good' })
    await until(() => publications.length > 0, 'the good one came')
    expect(publications).toEqual([{ fun: 'test.ping', jid: 'good' }])
    expect(said(message)).toHaveLength(1)
    expect(auths()).toBe(1)
  })

  test('unsigned ones are taken when signatures are not asked for', async () => {
    const { publications } = await connected({ requireSignature: false })
    master.publish(ping, { signWith: null })
    await until(() => publications.length === 1, 'it came')
    expect(publications).toEqual([ping])
  })

  test('one under a new shared key is opened after a new session, and those behind it keep their order', async () => {
    const { publications, states } = await connected()
    master.sharedKey = generateKeyText()
    for (const jid of ['1', '2', '3']) master.publish({ jid })
    await until(() => publications.length === 3, 'all came')
    expect(publications).toEqual([{ jid: '1' }, { jid: '2' }, { jid: '3' }])
    expect(auths()).toBe(2)
    expect(states.at(-1)).toBe('connected')
  })

  test('only so many wait for a new session', async () => {
    const { publications, said } = await connected({ requireSignature: false, timing: { authTimeoutMs: 60_000 } })
    const { auth } = master.script
    const held: ReturnType<typeof auth>[] = []
    master.sharedKey = generateKeyText()
    master.script.auth = (load) => {
      held.push(auth(load, master))
      return SILENCE
    }
    for (let count = 0; count < 1100; count += 1) master.publish({ jid: String(count) }, { signWith: null })
    await until(() => held.length === 1, 'a new session was asked for')
    await until(() => said('too many publications').length === 1, 'one was dropped')
    for (const answer of held) master.reply(answer)
    await until(() => publications.length === 1001, 'the others came')
    expect(publications.at(-1)).toEqual({ jid: '1000' })
  })

  test('a new shared key starts its own count of serials', async () => {
    const { publications } = await connected()
    master.publish({ jid: 'old', serial: 1000 })
    await until(() => publications.length === 1, 'the old one came')
    master.sharedKey = generateKeyText()
    master.publish({ jid: 'new', serial: 1 })
    await until(() => publications.length === 2, 'the new one came')
    expect(publications[1]).toEqual({ jid: 'new' })
  })

  test('the count goes on over a reconnect under the same key', async () => {
    const { publications, states, said } = await connected()
    master.publish({ jid: 'first', serial: 1000 })
    await until(() => publications.length === 1, 'the first came')
    master.cut('publications')
    await until(() => states.filter((state) => state === 'connected').length === 2, 'it has connected again')
    master.publish({ jid: 'again', serial: 1000 })
    master.publish({ jid: 'next', serial: 1001 })
    await until(() => publications.length === 2, 'the next came')
    expect(publications[1]).toEqual({ jid: 'next' })
    expect(said('came before')).toHaveLength(1)
  })

  test('signed ones that no key opens end after one new session each', async () => {
    const { said, link } = await connected()
    master.publish(ping, { sharedKey: generateKeyText() })
    await until(() => said('no key of ours opens').length === 1, 'it was dropped')
    expect(auths()).toBe(2)
    expect(link.state).toBe('connected')
  })
})

test('a rejected key is asked about again after acceptance_wait_time, with rejected_retry', async () => {
  master.script.auth = ret(false)
  const { reached } = await begin({ timing: { refusedWaitMs: 600_000, rejectedWaitMs: 5 } })
  await reached('rejected')
  await until(() => auths() > 2, 'it has asked again')
  expect(auths()).toBeGreaterThan(2)
})
