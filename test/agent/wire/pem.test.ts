import { describe, expect, test } from 'vitest'
import { cleanKey, pemFingerprint } from '../../../agent/wire/pem.ts'
import { vectors } from './vectors.ts'

describe('the clean form of a key', () => {
  test('is what Salt sends', () => {
    expect(cleanKey(vectors.minion_pub)).toBe(vectors.auth_pub_field)
  })

  test('has LF line ends and nothing around it', () => {
    expect(cleanKey(`\n ${vectors.minion_pub.replaceAll('\n', '\r\n')}\r\n`)).toBe(vectors.auth_pub_field)
  })
})

describe('the fingerprint of a key', () => {
  test('is what salt-key prints', () => {
    expect(pemFingerprint(vectors.minion_pub)).toBe(vectors.pem_finger_sha256)
  })

  test('does not depend on what is around the key', () => {
    expect(pemFingerprint(`\n${vectors.auth_pub_field}\n\n`)).toBe(vectors.pem_finger_sha256)
  })

  test('uses the hash that is asked for', () => {
    expect(pemFingerprint(vectors.minion_pub, 'md5')).toMatch(/^([0-9a-f]{2}:){15}[0-9a-f]{2}$/)
  })
})
