import { describe, expect, test } from 'vitest'
import { createRedact, type Redaction } from '../../../agent/returner-host/redact.ts'
import { patternFault } from '../../../agent/returner-host/redaction-patterns.ts'
import { decode, encode } from '../../../agent/wire/msgpack.ts'
import { toJsonValue } from '../../../agent/wire/json.ts'

const none: Redaction = { keys: [], paths: [], patterns: [] }

/** A return as it is stored, redacted, as a returner sees it. */
function redacted(rules: Partial<Redaction>, fields: Record<string, unknown>): Record<string, unknown> {
  const stored = encode({ success: true, return: true, retcode: 0, jid: 'J', id: 'm', fun: 'test.ping', fun_args: [], ...fields }, { bin: true })
  return toJsonValue(createRedact({ ...none, ...rules })(decode(stored))) as Record<string, unknown>
}

describe('redaction', () => {
  test('replaces what stands under keys, at any depth, in any case, whatever it is', () => {
    const ret = { db: [{ Password: 'a', user: 'u', passwords: { one: 1 } }], TOKEN: null }
    const args = [{ __kwarg__: true, password: 'a' }]

    expect(redacted({ keys: ['pass*', '*token*'] }, { return: ret, fun_args: args, metadata: { token: 1 } })).toMatchObject({
      return: { db: [{ Password: '***', user: 'u', passwords: '***' }], TOKEN: '***' },
      fun_args: [{ __kwarg__: true, password: '***' }],
      metadata: { token: '***' },
    })
  })

  test.each([
    [['return', 'db', 'pass'], { db: { pass: '***', user: 'u', more: { pass: 'b' } }, list: [{ pass: 'c' }], pass: 'd' }],
    [['return', '*', 'pass'], { db: { pass: '***', user: 'u', more: { pass: 'b' } }, list: [{ pass: 'c' }], pass: 'd' }],
    [['return', '**', 'pass'], { db: { pass: '***', user: 'u', more: { pass: '***' } }, list: [{ pass: '***' }], pass: '***' }],
    [['return', 'list', '0'], { db: { pass: 'a', user: 'u', more: { pass: 'b' } }, list: ['***'], pass: 'd' }],
    [['return', 'd*', '**'], { db: '***', list: [{ pass: 'c' }], pass: 'd' }],
    [['return'], '***'],
  ])('replaces what stands at the path %j', (path, expected) => {
    const ret = { db: { pass: 'a', user: 'u', more: { pass: 'b' } }, list: [{ pass: 'c' }], pass: 'd' }

    expect(redacted({ paths: [path] }, { return: ret })['return']).toEqual(expected)
  })

  test('replaces what patterns find, of a match with groups the groups, also in keys', () => {
    const ret = { 'cmd_|-mysql -psecret1-_|-run': { comment: 'ran mysql -psecret1 -psecret2' }, other: 'AKIA1234 and AKIA5678' }

    expect(redacted({ patterns: [String.raw`-p(\w+)`, 'AKIA[0-9]+'] }, { return: ret, fun_args: ['-psecret1'] })).toMatchObject({
      return: { 'cmd_|-mysql -p***-_|-run': { comment: 'ran mysql -p*** -p***' }, other: '*** and ***' },
      fun_args: ['-p***'],
    })
  })

  test('keeps apart what becomes one key, and hides bytes whole when something is found in them', () => {
    const bytes = Buffer.from([0xff, ...Buffer.from('secret')])

    expect(redacted({ patterns: ['secret[0-9]?'] }, { return: { secret1: 1, secret2: 2, bytes, others: Buffer.from([0xff]) } })['return']).toEqual({
      '***': 1, '*** (2)': 2, bytes: '***', others: { __bytes__: '/w==' },
    })
  })

  test('leaves alone what says which return it is', () => {
    expect(redacted({ keys: ['jid', 'id', 'fun'], patterns: ['J', 'm', 'test'] }, {})).toMatchObject({ jid: 'J', id: 'm', fun: 'test.ping' })
  })

  test('a pattern that would take for ever takes a second, and nothing of the return goes', () => {
    const started = performance.now()
    const result = redacted({ patterns: ['(a+)+$'] }, { return: `${'a'.repeat(40)}!`, fun_args: ['secret'], metadata: { secret: 1 }, user: 'u' })

    expect(performance.now() - started).toBeLessThan(5000)
    expect(result).toMatchObject({ jid: 'J', return: expect.stringContaining('withheld'), fun_args: [], metadata: null, user: null })
  })

  test.each([['(', 'is not a regular expression'], ['a*', 'it matches an empty text'], [String.raw`(?i)token=(\S+)`, null]])('the pattern %s: %s', (pattern, fault) => {
    expect(patternFault(pattern)).toBe(fault)
  })
})
