import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createCrypticle, generateKeyText } from '../../agent/wire/crypticle.ts'
import { encodeClear } from '../../agent/wire/envelope.ts'
import { decode, encode } from '../../agent/wire/msgpack.ts'
import { x931Sign } from '../../agent/wire/rsa.ts'
import { logIn, makeIdentity, openConnection, openPillar, sealRequest, type Session } from './scripted-minion.ts'
import { removeRoot, startMaster, type TestMaster } from './test-master.ts'

const web1 = makeIdentity('web1')
const web2 = makeIdentity('web2')

let running: TestMaster
let minion: Session

beforeEach(async () => {
  running = await startMaster({ auto_accept: true, request_server_ttl: 60 })
  minion = await logIn(web1, running.master.ports, running.masterPub)
})

afterEach(async () => {
  minion.close()
  await running.stop()
  removeRoot(running.root)
})

async function answerTo(bytes: Uint8Array): Promise<unknown> {
  const reply = await minion.requests.send(bytes)
  return reply === null ? 'closed' : decode(reply)
}

describe('what is refused with "bad load"', () => {
  const ping = { cmd: 'ping' }
  const cases: [string, () => Uint8Array][] = [
    ['a value that is no map', () => encode('hello')],
    ['a map without enc', () => encode({ load: {}, version: 3 })],
    ['a map without load', () => encode({ enc: 'clear', version: 3 })],
    ['an unknown enc', () => encode({ enc: 'rot13', load: new Uint8Array(8), version: 3 })],
    ['a load that is not encrypted', () => encode({ enc: 'aes', load: new Uint8Array(200), version: 3, id: 'web1' })],
    ['a load under another key', () => sealRequest({ identity: web1, session: createCrypticle(generateKeyText()) }, ping)],
    ['a load under the shared key', () => sealRequest({ identity: web1, session: minion.shared }, ping)],
    ['an id that is not accepted', () => sealRequest(minion, ping, 'nobody')],
    ['an id that is a path', () => sealRequest(minion, ping, '../minions/web1')],
    ['another id inside', () => sealRequest(minion, { ...ping, id: 'web2' })],
    ['no token', () => sealRequest(minion, { ...ping, tok: undefined })],
    ['the token of another key', () => sealRequest(minion, { ...ping, tok: x931Sign(web2.key, Buffer.from('salt')) })],
    ['no nonce', () => sealRequest(minion, { ...ping, nonce: undefined })],
    ['a request older than request_server_ttl', () => sealRequest(minion, { ...ping, ts: Math.floor(Date.now() / 1000) - 100 })],
    ['a request without a time', () => sealRequest(minion, { ...ping, ts: undefined })],
  ]

  test.each(cases)('%s', async (_name, make) => {
    expect(await answerTo(make())).toBe('bad load')

    expect(running.logged.some(({ level, message }) => level === 'warn' && message === 'a request is refused')).toBe(true)
    expect(await minion.ask({ cmd: 'unknown' })).toEqual({})
  })
})

describe('what closes the connection', () => {
  test.each([
    ['no msgpack', Buffer.from([0xc1, 0xff])],
    ['nothing', Buffer.alloc(0)],
    ['an array that claims four billion members', Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff])],
    ['nesting without end', Buffer.alloc(100_000, 0x91)],
  ])('%s', async (_name, frame) => {
    const before = process.memoryUsage().heapUsed

    const answer = await answerTo(frame)

    expect(['closed', 'bad load']).toContain(answer)
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 1024 * 1024)
    expect(running.logged.at(-1)?.level).toBe('warn')
    const other = await openConnection(running.master.ports.request)
    expect(decode((await other.send(encodeClear({ cmd: 'ping' }))) ?? new Uint8Array())).toEqual({ cmd: 'ping' })
    other.close()
  })
})

describe('clear commands', () => {
  test('large ones are refused: a stranger that does not read what it asked to be echoed would keep it in memory', async () => {
    expect(await answerTo(encodeClear({ cmd: 'ping', x: 'x'.repeat(60_000) }))).toMatchObject({ cmd: 'ping' })
    expect(await answerTo(encodeClear({ cmd: 'ping', x: 'x'.repeat(70_000) }))).toBe('bad load')
  })

  test('ping is echoed, others get {}, publish among them', async () => {
    expect(await answerTo(encodeClear({ cmd: 'ping', x: 1 }))).toEqual({ cmd: 'ping', x: 1 })
    expect(await answerTo(encodeClear({ cmd: 'publish', fun: 'cmd.run', arg: ['id'], tgt: '*', key: 'x' }))).toEqual({})
    expect(await answerTo(encodeClear({ cmd: '__init__' }))).toEqual({})
    expect(running.events.filter(({ tag }) => tag.startsWith('salt/job'))).toEqual([])
  })

  test('an id that is no text is told so', async () => {
    expect(await answerTo(encodeClear({ cmd: 'ping', id: 5 }))).toBe('bad load: id is not a string')
    expect(await answerTo(encodeClear({ cmd: 'ping', id: 'a\0b' }))).toBe('bad load: id contains a null byte')
  })
})

describe('sealed commands', () => {
  test('an unknown one gets {}, one without a name Salt\'s text', async () => {
    expect(await minion.ask({ cmd: 'mine_get_all' })).toEqual({})
    expect(await minion.ask({ cmd: '__dunder' })).toEqual({})
    expect(await answerTo(sealRequest(minion, {}))).toBe('Some exception handling minion payload')
  })

  test('the pillar comes under the minion\'s own key, with the nonce, and its grains are kept', async () => {
    const reply = await answerTo(sealRequest(minion, { cmd: '_pillar', grains: { os: 'Debian' }, nonce: 'a'.repeat(32) }))

    expect(openPillar(reply as never, web1)).toEqual({ pillar: {}, nonce: 'a'.repeat(32) })
    expect((await running.event('minion/refresh/')).tag).toBe('minion/refresh/web1')
  })

  test('events are fired: one with the whole load, a list each with its own data', async () => {
    expect(await minion.ask({ cmd: '_minion_event', tag: 'minion_start', data: 'started', pretag: null })).toBeNull()
    expect(await minion.ask({ cmd: '_minion_event', events: [{ tag: 'my/tag', data: { a: 1 } }] })).toBeNull()

    const [single, listed] = running.events.slice(-2)
    expect(single).toMatchObject({ tag: 'minion_start', data: { id: 'web1', data: 'started' } })
    expect(listed).toMatchObject({ tag: 'my/tag', data: { a: 1 } })
    expect(single?.data).not.toHaveProperty('tok')
  })

  test.each(['salt/job/20200101000000000000/ret/web2', 'salt/job/1/ret/web2\n', 'salt/job/1/ret/\nweb2', 'salt/key/a\nb', 'salt/job/1/new', 'salt/auth', 'salt/key', 'salt/run/x'])('a minion cannot fire %s', async (tag) => {
    expect(await minion.ask({ cmd: '_minion_event', tag, data: {} })).toBeNull()
    expect(await minion.ask({ cmd: '_minion_event', events: [{ tag, data: {} }] })).toBeNull()

    expect(running.events.filter((event) => event.tag === tag && event.data['act'] === undefined)).toEqual([])
  })

  test('a removed key ends the session at once', async () => {
    running.keys.remove('web1')

    expect(await answerTo(sealRequest(minion, { cmd: 'ping' }))).toBe('bad load')
  })
})

describe('returns', () => {
  const jid = '20260102030405060708'
  const load = { cmd: '_return', jid, fun: 'test.ping', fun_args: [], return: true, retcode: 0, success: true }

  test('one that nobody waits for is stored, announced and acknowledged with nil', async () => {
    expect(await minion.ask(load)).toBeNull()

    expect((await running.event(`salt/job/${jid}/ret/`)).data).toMatchObject({ id: 'web1', return: true, jid })
  })

  test('the same one again is acknowledged, and not announced again', async () => {
    await minion.ask(load)

    expect(await minion.ask(load)).toBeNull()

    expect(running.events.filter(({ tag }) => tag.startsWith(`salt/job/${jid}/ret/`))).toHaveLength(1)
  })

  test('the same one again after a restart is known too', async () => {
    await minion.ask(load)
    minion.close()
    await running.stop()
    const { root } = running
    running = await startMaster({ auto_accept: true }, { root })
    minion = await logIn(web1, running.master.ports, running.masterPub)

    expect(await minion.ask(load)).toBeNull()

    expect(running.events.filter(({ tag }) => tag.startsWith('salt/job/'))).toEqual([])
    expect(running.logged.some(({ message }) => message === 'a return came again and is acknowledged')).toBe(true)
  })

  test('one without a usable job id or value is acknowledged and ignored', async () => {
    expect(await minion.ask({ ...load, jid: '../../x' })).toBeNull()
    const { return: _return, ...without } = load
    expect(await minion.ask(without)).toBeNull()

    expect(running.events.filter(({ tag }) => tag.startsWith('salt/job/'))).toEqual([])
  })

  test('jid "req" gets a job id from the master', async () => {
    expect(await minion.ask({ ...load, jid: 'req' })).toBeNull()

    expect((await running.event('salt/job/')).tag).toMatch(/^salt\/job\/\d{20}\/ret\/web1$/)
  })

  test('a minion cannot return in the name of another', async () => {
    expect(await answerTo(sealRequest(minion, { ...load, id: 'web2' }))).toBe('bad load')
  })
})
