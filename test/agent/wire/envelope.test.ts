import { describe, expect, test } from 'vitest'
import * as fc from 'fast-check'
import { decodeAuthReply, encodeAuthRequest, encodeSignedReply, keyDigest } from '../../../agent/wire/auth.ts'
import { createCrypticle, generateKeyText } from '../../../agent/wire/crypticle.ts'
import {
  decodePublication, decodeReply, decodeRequest, encodeClear, encodePublication, encodeSealed, EnvelopeError,
} from '../../../agent/wire/envelope.ts'
import { decode, encode } from '../../../agent/wire/msgpack.ts'
import { openPrivateReply, sealPrivateReply } from '../../../agent/wire/private-reply.ts'
import { DEFAULT_ALGORITHMS, isSignedBy, readPublicKey } from '../../../agent/wire/rsa.ts'
import { vectorKey, vectors } from './vectors.ts'

const key = vectorKey()
const publicKey = readPublicKey(vectors.minion_pub)
const crypticle = createCrypticle(generateKeyText())
const nonce = vectors.nonce

const outcome = (bytes: Uint8Array): unknown => {
  try {
    return decodePublication(bytes) && 'fine'
  } catch (error) {
    return error instanceof EnvelopeError ? 'fine' : error
  }
}

const causeOf = (act: () => unknown): string => {
  try {
    return String(act())
  } catch (error) {
    return error instanceof EnvelopeError && error.cause instanceof Error ? error.cause.message : String(error)
  }
}

describe('requests', () => {
  test('a clear one carries version 3 and its load', () => {
    expect(decode(encodeClear({ cmd: 'ping' }))).toEqual({ enc: 'clear', load: { cmd: 'ping' }, version: 3 })
    expect(decodeRequest(encodeClear({ cmd: 'ping' }))).toEqual({ enc: 'clear', load: { cmd: 'ping' }, version: 3 })
  })

  test('a sealed one carries id and algorithms', () => {
    const sealed = crypticle.seal({ cmd: '_return' })
    const request = decodeRequest(encodeSealed(sealed, 'm1', DEFAULT_ALGORITHMS))
    expect(request).toEqual({ enc: 'aes', load: Uint8Array.from(sealed), version: 3, id: 'm1', algorithms: DEFAULT_ALGORITHMS })
  })

  test.each([
    ['no map', encode('text')], ['no load', encode({ enc: 'aes' })], ['an unknown kind', encode({ enc: 'x', load: {} })],
    ['a clear load that is no map', encode({ enc: 'clear', load: 'text' })], ['no msgpack', Buffer.from([0xc1])],
  ])('%s is refused', (_name, bytes) => {
    expect(() => decodeRequest(bytes)).toThrow(EnvelopeError)
  })
})

describe('replies', () => {
  test.each(['bad load', 'payload and load must be a dict', 'bad load: id contains a null byte',
    'Some exception handling minion payload', 'Server-side exception handling payload'])('"%s" is text', (text) => {
    expect(decodeReply(encode(text))).toEqual({ kind: 'text', text })
  })

  test('ciphertext is ciphertext, as raw or as bin', () => {
    const sealed = crypticle.seal(null, nonce)
    for (const bin of [true, false]) {
      expect(decodeReply(encode(sealed, { bin }))).toEqual({ kind: 'sealed', bytes: Uint8Array.from(sealed) })
    }
  })

  test('a number is no reply', () => {
    expect(() => decodeReply(encode(1))).toThrow(EnvelopeError)
  })

  test('a frame of many small values is refused before it fills the memory', () => {
    const frame = Buffer.concat([Buffer.from('dd00100000', 'hex'), Buffer.alloc(0x100000, 0x80)])
    for (const read of [decodeReply, decodePublication, decodeRequest]) expect(causeOf(() => read(frame))).toMatch(/too many values/)
  })
})

describe('publications', () => {
  const sealed = crypticle.seal({ fun: 'test.ping' })

  test('are packed twice on ws', () => {
    const frame = encodePublication({ sealed, signature: Buffer.from([0xff]), signingAlgorithm: 'PKCS1v15-SHA1' })
    expect(frame[0]).toBe(0xc4)
    expect(frame.subarray(2, 7).toString('hex')).toBe('84a3656e63')
    expect(decodePublication(frame)).toEqual({
      sealed: Uint8Array.from(sealed), signature: Uint8Array.from([0xff]), signingAlgorithm: 'PKCS1v15-SHA1',
    })
  })

  test('are read when packed once, and without a signature', () => {
    expect(decodePublication(encode({ enc: 'aes', load: sealed }))).toEqual({ sealed: Uint8Array.from(sealed) })
  })

  test('any bytes give a publication or an EnvelopeError', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect(outcome(bytes)).toBe('fine')
    }), { numRuns: 2_000 })
  })
})

describe('the handshake', () => {
  test('the request has Salt\'s fields and no undefined ones', () => {
    const bytes = encodeAuthRequest({ id: 'm1', nonce, algorithms: DEFAULT_ALGORITHMS, publicKey: vectors.minion_pub })
    expect(decode(bytes)).toEqual({
      enc: 'clear', version: 3,
      load: { cmd: '_auth', id: 'm1', nonce, enc_algo: 'OAEP-SHA1', sig_algo: 'PKCS1v15-SHA1', pub: vectors.auth_pub_field },
    })
  })

  test('an accepting reply is read, and what is signed are the bytes that came', () => {
    const fields = { enc: 'pub', pub_key: vectors.minion_pub, publish_port: 4505, aes: Buffer.from([0xff]), session: Buffer.from([0xfe]), sig: Buffer.from([0xfd]), nonce }
    const reply = decodeAuthReply(encodeSignedReply(fields, key, 'PKCS1v15-SHA1'))
    expect(reply).toMatchObject({ kind: 'keys', nonce, keys: { masterKey: vectors.auth_pub_field, publishPort: 4505 } })
    const { signed, signature } = reply as { signed: Uint8Array; signature: Uint8Array }
    expect(isSignedBy(publicKey, signed, signature, 'PKCS1v15-SHA1')).toBe(true)
  })

  test.each([[true, 'pending'], [false, 'rejected'], ['full', 'full']])('ret %s means %s', (ret, expected) => {
    expect(decodeAuthReply(encodeSignedReply({ ret, nonce }, key, 'PKCS1v15-SHA1'))).toMatchObject({ kind: 'answer', ret: expected, nonce })
  })

  test('unsigned errors are read as such', () => {
    expect(decodeAuthReply(encode({ enc: 'clear', load: { ret: 'bad sig algo' } }))).toEqual({ kind: 'error', text: 'bad sig algo' })
    expect(decodeAuthReply(encode('bad load'))).toEqual({ kind: 'error', text: 'bad load' })
  })

  test.each([
    ['ciphertext', encode(crypticle.seal(1))], ['no signature', encode({ enc: 'clear', load: encode({ ret: true }) })],
    ['a signed part that is malformed', encode({ load: Buffer.from([0xc1]), sig: Buffer.from([0xff]) })],
    ['an unknown ret', encodeSignedReply({ ret: 'maybe' }, key, 'PKCS1v15-SHA1')],
    ['a port out of range', encodeSignedReply({ pub_key: 'x', publish_port: 70_000 }, key, 'PKCS1v15-SHA1')],
  ])('%s is refused', (_name, bytes) => {
    expect(() => decodeAuthReply(bytes)).toThrow(EnvelopeError)
  })

  test('the digest of a key is hex of its text', () => {
    expect(keyDigest('0').toString()).toBe(vectors.x931_hexdigests[0]?.msg)
  })
})

describe('a private reply', () => {
  const keys = { minionKey: publicKey, masterKey: key, algorithms: DEFAULT_ALGORITHMS }
  const own = { minionKey: key, masterKey: publicKey, algorithms: DEFAULT_ALGORITHMS }
  const sealed = (): ReturnType<typeof decode> => decode(sealPrivateReply({ a: 'ä' }, 'pillar', nonce, keys), { raw: true })

  test('is opened by the minion it was sealed for', () => {
    expect(openPrivateReply(sealed(), 'pillar', nonce, own)).toEqual({ a: 'ä' })
  })

  test('another nonce is refused', () => {
    expect(() => openPrivateReply(sealed(), 'pillar', 'f'.repeat(32), own)).toThrow(/nonce/)
  })

  test('another signature is refused', () => {
    expect(() => openPrivateReply(sealed(), 'pillar', nonce, { ...own, algorithms: { ...DEFAULT_ALGORITHMS, signing: 'PKCS1v15-SHA224' } }))
      .toThrow(/signature/)
  })

  test('a body under another key is refused', () => {
    const mixed = { ...(sealed() as object), key: (sealed() as { key: Uint8Array }).key }
    expect(() => openPrivateReply(mixed, 'pillar', nonce, own)).toThrow(/cannot be opened/)
  })

  test('the master\'s own words are given when it refuses', () => {
    expect(() => openPrivateReply({ error: 'AES key not found' }, 'pillar', nonce, own)).toThrow(/AES key not found/)
  })
})
