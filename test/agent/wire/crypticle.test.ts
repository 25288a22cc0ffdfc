import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createCrypticle, createReplayGuard, CrypticleError, generateKeyText } from '../../../agent/wire/crypticle.ts'
import { decode, encode } from '../../../agent/wire/msgpack.ts'
import { vectors } from './vectors.ts'

const iv = Buffer.from(vectors.crypticle_iv_hex, 'hex')
const crypticle = createCrypticle(vectors.crypticle_key_string, () => iv)
const base64 = (text: string): Buffer => Buffer.from(text, 'base64')
const sealed = base64(vectors.crypticle_with_nonce_b64)
const codeOf = (open: () => unknown): string => {
  try {
    open()
    return 'opened'
  } catch (error) {
    return error instanceof CrypticleError ? error.code : String(error)
  }
}

describe('a crypticle', () => {
  test('the msgpack of the golden object is Salt\'s', () => {
    const inOrder = decode(Buffer.from(vectors.crypticle_msgpack_hex, 'hex'))
    expect(encode(inOrder).toString('hex')).toBe(vectors.crypticle_msgpack_hex)
    expect(inOrder).toEqual(vectors.crypticle_obj)
  })

  test('seals as Salt does: a request, a reply, and nil', () => {
    const object = decode(Buffer.from(vectors.crypticle_msgpack_hex, 'hex'))
    const salted = [
      [crypticle.open(base64(vectors.crypticle_no_nonce_b64)), undefined, vectors.crypticle_no_nonce_b64],
      [crypticle.open(sealed, { nonce: vectors.nonce }), vectors.nonce, vectors.crypticle_with_nonce_b64],
      [null, vectors.nonce, vectors.crypticle_nil_with_nonce_b64],
    ] as const
    for (const [value, nonce, expected] of salted) {
      expect(crypticle.seal(value, nonce).toString('base64')).toBe(expected)
    }
    expect(salted[0][0]).toEqual(object)
  })

  test('opens what Salt sealed', () => {
    expect(crypticle.open(base64(vectors.crypticle_no_nonce_b64))).toEqual(vectors.crypticle_obj)
    expect(crypticle.open(sealed, { nonce: vectors.nonce })).toEqual(vectors.crypticle_obj)
    expect(crypticle.open(base64(vectors.crypticle_nil_with_nonce_b64), { nonce: vectors.nonce })).toBeNull()
  })

  test('a new key opens its own messages and no others', () => {
    const own = createCrypticle(generateKeyText())
    expect(own.open(own.seal({ a: 1 }))).toEqual({ a: 1 })
    expect(codeOf(() => own.open(sealed, { nonce: vectors.nonce }))).toBe('KEY')
  })

  test('a changed byte anywhere is found', () => {
    const found = Array.from(sealed, (_byte, at) => {
      const changed = Buffer.from(sealed)
      changed[at] = (changed[at] ?? 0) ^ 1
      return codeOf(() => crypticle.open(changed, { nonce: vectors.nonce }))
    })
    expect(new Set(found)).toEqual(new Set(['KEY']))
  })

  test('every truncation is found', () => {
    const found = Array.from(sealed, (_byte, length) => codeOf(() => crypticle.open(sealed.subarray(0, length))))
    expect(new Set(found)).toEqual(new Set(['KEY']))
  })

  test('a reply to another request is refused', () => {
    expect(codeOf(() => crypticle.open(sealed, { nonce: 'f'.repeat(32) }))).toBe('NONCE')
  })

  test('a message of the right key without the form is refused', () => {
    const body = Buffer.concat([iv, Buffer.alloc(32)])
    const key = Buffer.from(vectors.crypticle_key_string, 'base64').subarray(24)
    const message = Buffer.concat([body, createHmac('sha256', key).update(body).digest()])
    expect(codeOf(() => crypticle.open(message))).toBe('FORM')
  })

  test('a key of a wrong length is refused', () => {
    expect(codeOf(() => createCrypticle('c2hvcnQ='))).toBe('FORM')
  })
})

describe('the replay guard', () => {
  test('admits a serial once, and only rising ones', () => {
    const guard = createReplayGuard()
    expect([1, 2, 2, 1, 3].map((serial) => guard.admit({ serial }))).toEqual([true, true, false, false, true])
  })

  test('takes the serial out of the load', () => {
    const load = { fun: 'test.ping', serial: 7 }
    createReplayGuard().admit(load)
    expect(load).toEqual({ fun: 'test.ping' })
  })

  test('admits what has no serial and refuses a serial that is no number', () => {
    expect(createReplayGuard().admit({ fun: 'test.ping' })).toBe(true)
    expect(createReplayGuard().admit({ serial: 'x' })).toBe(false)
  })
})
