import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  decryptWith, encryptFor, isSignedBy, isX931SignedBy, readPrivateKey, readPublicKey, signWith, x931Sign,
} from '../../../agent/wire/rsa.ts'
import { vectorKey, vectors } from './vectors.ts'

const privateKey = vectorKey()
const publicKey = readPublicKey(vectors.minion_pub)
const hello = Buffer.from('hello')
const base64 = (text: string): Buffer => Buffer.from(text, 'base64')

describe('X9.31', () => {
  test('signs as libcrypto does: the token of every request', () => {
    expect(x931Sign(privateKey, Buffer.from('salt')).toString('base64')).toBe(vectors.x931_tok_salt_b64)
  })

  test.each(vectors.x931_hexdigests)('signs and verifies the digest $msg', ({ msg, sig_b64 }) => {
    expect(x931Sign(privateKey, Buffer.from(msg)).toString('base64')).toBe(sig_b64)
    expect(isX931SignedBy(publicKey, Buffer.from(msg), base64(sig_b64))).toBe(true)
  })

  test('refuses other data, other signatures and other lengths', () => {
    const signature = base64(vectors.x931_tok_salt_b64)
    expect(isX931SignedBy(publicKey, Buffer.from('sale'), signature)).toBe(false)
    expect(isX931SignedBy(publicKey, Buffer.from('salt'), signature.subarray(1))).toBe(false)
    expect(isX931SignedBy(publicKey, Buffer.from('salt'), Buffer.alloc(signature.length, 0xff))).toBe(false)
    expect(isX931SignedBy(publicKey, Buffer.alloc(300), signature)).toBe(false)
  })
})

describe('PKCS#1 v1.5', () => {
  test.each([
    ['PKCS1v15-SHA1', vectors.pkcs1v15_sha1_of_hello_b64], ['PKCS1v15-SHA224', vectors.pkcs1v15_sha224_of_hello_b64],
  ] as const)('%s signs and verifies as Salt does', (algorithm, expected) => {
    expect(signWith(privateKey, hello, algorithm).toString('base64')).toBe(expected)
    expect(isSignedBy(publicKey, hello, base64(expected), algorithm)).toBe(true)
    expect(isSignedBy(publicKey, Buffer.from('hallo'), base64(expected), algorithm)).toBe(false)
  })

  test('a signature of the other algorithm is refused', () => {
    expect(isSignedBy(publicKey, hello, base64(vectors.pkcs1v15_sha1_of_hello_b64), 'PKCS1v15-SHA224')).toBe(false)
  })
})

describe('OAEP', () => {
  test.each([
    ['OAEP-SHA1', vectors.oaep_sha1_ct_of_hello_b64], ['OAEP-SHA224', vectors.oaep_sha224_ct_of_hello_b64],
  ] as const)('%s opens what Salt encrypted, and its own', (algorithm, ciphertext) => {
    expect(decryptWith(privateKey, base64(ciphertext), algorithm).toString()).toBe('hello')
    expect(decryptWith(privateKey, encryptFor(publicKey, hello, algorithm), algorithm).toString()).toBe('hello')
  })

  test('what was encrypted otherwise is an error', () => {
    expect(() => decryptWith(privateKey, base64(vectors.oaep_sha1_ct_of_hello_b64), 'OAEP-SHA224')).toThrow(/oaep/i)
  })
})

describe('reading keys', () => {
  test('PKCS#1 and PKCS#8 private keys are read', () => {
    for (const type of ['pkcs1', 'pkcs8'] as const) {
      const pem = privateKey.export({ format: 'pem', type }).toString()
      expect(readPrivateKey(pem).equals(privateKey)).toBe(true)
    }
  })

  test('other kinds and weak keys are refused, with the reason', () => {
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'pem', type: 'spki' }).toString()
    const weak = generateKeyPairSync('rsa', { modulusLength: 512 }).publicKey.export({ format: 'pem', type: 'spki' }).toString()
    expect(() => readPublicKey(ec)).toThrow(/is ec, not RSA/)
    expect(() => readPublicKey(weak)).toThrow(/has 512 bits/)
    expect(() => readPublicKey('nonsense')).toThrow(/unsupported/i)
  })
})
