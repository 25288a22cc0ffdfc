import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { encodeClear } from '../../agent/wire/envelope.ts'
import { decode, encode } from '../../agent/wire/msgpack.ts'
import { decryptWith, encryptFor, readPublicKey } from '../../agent/wire/rsa.ts'
import { authLoad, authenticate, bytes, logIn, makeIdentity, openConnection, type Connection } from './scripted-minion.ts'
import { removeRoot, startMaster, type TestMaster } from './test-master.ts'

const minion = makeIdentity('web1')
const stranger = makeIdentity('web1')

let running: TestMaster
let connection: Connection

async function start(options: Record<string, unknown> = {}): Promise<void> {
  running = await startMaster(options)
  connection = await openConnection(running.master.ports.request)
}

function ask(more = {}, identity = minion) {
  return authenticate(connection, authLoad(identity, more), running.masterPub)
}

afterEach(async () => {
  connection.close()
  await running.stop()
  removeRoot(running.root)
})

describe('a master that accepts nothing by itself', () => {
  beforeEach(() => start())

  test('keeps an unknown key as pending and tells the minion to wait', async () => {
    const content = await ask()

    expect(content['ret']).toBe(true)
    expect(running.keys.list('pending')).toEqual(['web1'])
    expect(running.events.map(({ tag, data }) => [tag, data['act'], data['result']])).toEqual([['salt/auth', 'pend', true]])
  })

  test('keeps telling a pending minion to wait, and gives the keys once it is accepted', async () => {
    await ask()
    expect((await ask())['ret']).toBe(true)

    running.keys.move('web1', 'pending', 'accepted')

    const content = await ask()
    expect(content['enc']).toBe('pub')
    expect(content['publish_port']).toBe(running.master.ports.publish)
    expect(content['pub_key']).toBe(running.masterPub.trim())
    expect(decryptWith(minion.key, bytes(content['aes']), 'OAEP-SHA1')).toHaveLength(76)
    expect(decryptWith(minion.key, bytes(content['session']), 'OAEP-SHA1')).toHaveLength(76)
  })

  test('denies a key that differs from the pending one and keeps it aside', async () => {
    await ask()

    const content = await ask({}, stranger)

    expect(content['ret']).toBe(false)
    expect(running.keys.read('web1', 'pending')).toBe(minion.pub)
    expect(running.keys.read('web1', 'denied')).toBe(stranger.pub)
  })

  test('denies a key that differs from the accepted one', async () => {
    running.keys.write('web1', 'accepted', minion.pub)

    const content = await ask({}, stranger)

    expect(content['ret']).toBe(false)
    expect(running.keys.read('web1', 'accepted')).toBe(minion.pub)
    expect(running.events.at(-1)?.data['act']).toBe('denied')
  })

  test('refuses a rejected key', async () => {
    running.keys.write('web1', 'rejected', minion.pub)

    expect((await ask())['ret']).toBe(false)
    expect(running.keys.list('pending')).toEqual([])
  })

  test('refuses a key that is no RSA key, and keeps nothing of it', async () => {
    expect((await ask({ pub: 'not a key' }))['ret']).toBe(false)
    expect((await ask({ pub: '' }))['ret']).toBe(false)
    expect(running.keys.list('pending')).toEqual([])
  })

  test.each(['../web1', 'a/b', 'a\\b', '', '.', '..', '.hidden', 'a\nb', 'x'.repeat(300)])('refuses the id %j', async (id) => {
    expect((await ask({ id }))['ret']).toBe(false)
    expect(running.keys.list('pending')).toEqual([])
  })

  test('answers algorithms it does not have in the clear', async () => {
    const enc = decode((await connection.send(encodeClear(authLoad(minion, { enc_algo: 'ROT13' })))) ?? new Uint8Array())
    const sig = decode((await connection.send(encodeClear(authLoad(minion, { sig_algo: 'CRC32' })))) ?? new Uint8Array())

    expect(enc).toEqual({ enc: 'clear', load: { ret: 'bad enc algo' } })
    expect(sig).toEqual({ enc: 'clear', load: { ret: 'bad sig algo' } })
  })

  test('closes the connection when the nonce is missing', async () => {
    expect(await connection.send(encodeClear(authLoad(minion, { nonce: undefined })))).toBeNull()
  })

  test('answers "bad load" to an older protocol version', async () => {
    const old = encode({ enc: 'clear', load: authLoad(minion), version: 2 })

    expect(decode((await connection.send(old)) ?? new Uint8Array())).toBe('bad load')
    expect(running.keys.list('pending')).toEqual([])
  })
})

describe('a master with auto_accept', () => {
  test('accepts an unknown key, and a pending one with the same key', async () => {
    await start({ auto_accept: true })
    running.keys.write('web1', 'pending', minion.pub)

    expect((await ask())['enc']).toBe('pub')
    expect(running.keys.list('accepted')).toEqual(['web1'])
    expect(running.keys.list('pending')).toEqual([])
  })

  test('still refuses rejected and different keys', async () => {
    await start({ auto_accept: true })
    running.keys.write('web1', 'accepted', minion.pub)
    running.keys.write('web2', 'rejected', minion.pub)

    expect((await ask({}, stranger))['ret']).toBe(false)
    expect((await ask({ id: 'web2' }))['ret']).toBe(false)
  })

  test('is full once max_minions are accepted, but not for those', async () => {
    await start({ auto_accept: true, max_minions: 1 })
    await ask()

    expect((await ask({ id: 'web2' }))['ret']).toBe('full')
    expect((await ask())['enc']).toBe('pub')
    expect(running.events.map(({ data }) => data['act'])).toEqual(['accept', 'full', 'accept'])
  })

  test('gives a token back that it could decrypt, and leaves out one that it could not', async () => {
    await start({ auto_accept: true })
    const token = Buffer.from(randomUUID())
    const good = encryptFor(readPublicKey(running.masterPub), token, 'OAEP-SHA1')
    const bad = encryptFor(readPublicKey(stranger.pub), token, 'OAEP-SHA1')

    expect(decryptWith(minion.key, bytes((await ask({ token: good }))['token']), 'OAEP-SHA1')).toEqual(token)
    expect((await ask({ token: bad }))['token']).toBeUndefined()
  })

  test('signs and encrypts with SHA-224 when asked', async () => {
    await start({ auto_accept: true })
    const reply = decode((await connection.send(encodeClear(authLoad(minion, { enc_algo: 'OAEP-SHA224', sig_algo: 'PKCS1v15-SHA224' })))) ?? new Uint8Array(), { raw: true })
    const content = decode(bytes((reply as { load: Uint8Array }).load))

    expect(decryptWith(minion.key, bytes((content as { aes: Uint8Array }).aes), 'OAEP-SHA224')).toHaveLength(76)
  })

  test('keeps session keys over a restart, but not the key of publications', async () => {
    await start({ auto_accept: true })
    const before = await logIn(minion, running.master.ports, running.masterPub)
    before.close()
    await running.stop()
    const { root } = running

    running = await startMaster({ auto_accept: true }, { root })

    const after = await logIn(minion, running.master.ports, running.masterPub)
    expect(after.session.keyText).toBe(before.session.keyText)
    expect(after.shared.keyText).not.toBe(before.shared.keyText)
    after.close()
  })
})
