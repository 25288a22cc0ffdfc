import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { recordOf, recordOfValue, toJsonText, toJsonValue } from '../../../agent/wire/json.ts'
import { decode, encode } from '../../../agent/wire/msgpack.ts'
import { Constant, DateTime, Extension, Float } from '../../../agent/wire/value.ts'
import type { Value } from '../../../agent/wire/value.ts'

const bytes = Uint8Array.from([0xff, 0x00])
const deep = (levels: number): Value => (levels === 0 ? 1 : [deep(levels - 1)])

describe('the JSON text of a value', () => {
  test.each<[string, Value, string]>([
    ['null', null, 'null'],
    ['text', 'a"b\u2028', JSON.stringify('a"b\u2028')],
    ['an integer', 3, '3'],
    ['an integer beyond 2^53, exactly', 18446744073709551615n, '18446744073709551615'],
    ['an integral float', new Float(1), '1.0'],
    ['a float', 1.5, '1.5'],
    ['a huge float', 1e300, '1e+300'],
    ['minus zero', -0, '-0.0'],
    ['not a number', Number.NaN, '"NaN"'],
    ['infinity', -Infinity, '"-Infinity"'],
    ['bytes', bytes, '{"__bytes__":"/wA="}'],
    ['a datetime', new DateTime('20250102T03:04:05.000006'), '"2025-01-02T03:04:05.000006"'],
    ['a constant', new Constant('NAME', 1n << 60n), '{"__constant__":["NAME",1152921504606846976]}'],
    ['an extension', new Extension(5, bytes), '{"__ext__":[5,"/wA="]}'],
    ['an array', [1, [new Float(2)]], '[1,[2.0]]'],
    ['a map in its order', new Map<Value, Value>([['b', 1], ['0', 2]]), '{"b":1,"0":2}'],
  ])('%s', (_name, value, expected) => {
    expect(toJsonText(value)).toBe(expected)
  })

  test('keys that are not text are written as Python writes them', () => {
    const map = new Map<Value, Value>([[true, 1], [null, 2], [1, 3], [1.5, 4], [new Float(2), 5], [bytes, 6]])
    expect(toJsonText(map)).toBe('{"true":1,"null":2,"1":3,"1.5":4,"2.0":5,"{\\"__bytes__\\":\\"/wA=\\"}":6}')
  })

  test('keys that would fall together are kept apart, and text keeps its name', () => {
    const map = new Map<Value, Value>([[1, 'a'], ['1', 'b'], [1n, 'c'], ['1 (int)', 'd']])
    expect(JSON.parse(toJsonText(map))).toEqual({ '1 (int 2)': 'a', '1': 'b', '1 (int 3)': 'c', '1 (int)': 'd' })
  })

  test('nesting without end is cut, not a crash', () => {
    expect(toJsonText(deep(600))).toContain('{"__truncated__":"nesting"}')
    expect(JSON.stringify(toJsonValue(deep(600)))).toContain('{"__truncated__":"nesting"}')
  })

  test('any bytes that decode give text that parses, equal to the plain form', () => {
    const json = fc.jsonValue({ maxDepth: 4 })
    fc.assert(fc.property(json, (value) => {
      const decoded = decode(encode(value))
      expect(JSON.parse(toJsonText(decoded))).toEqual(toJsonValue(decoded))
    }))
  })
})

describe('the plain form of a value', () => {
  test('__proto__ is an own member and pollutes nothing', () => {
    const record = toJsonValue(decode(encode(new Map([['__proto__', { polluted: true }]]))))
    expect(JSON.stringify(record)).toBe('{"__proto__":{"polluted":true}}')
    expect(Object.getPrototypeOf(record)).toBe(Object.prototype)
  })

  test('an integer that a number cannot hold is its decimal text', () => {
    expect(toJsonValue([1n << 60n])).toEqual(['1152921504606846976'])
  })
})

describe('a stored return', () => {
  const ret = { success: true, return: { pi: new Float(3) }, retcode: 0, jid: '20250101000000000000', id: 'm1', fun: 'test.ping', fun_args: [] }

  test('is given as a record and as text', () => {
    const { record, json } = recordOf(encode(ret, { bin: true }))
    expect(record).toEqual({ ...ret, return: { pi: 3 } })
    expect(json).toBe('{"success":true,"return":{"pi":3.0},"retcode":0,"jid":"20250101000000000000","id":"m1","fun":"test.ping","fun_args":[]}')
  })

  test('has the exact text of its value, whatever is in it', () => {
    const { value } = fc.letrec<{ value: Value }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.string({ unit: 'binary' }), fc.boolean(), fc.constant(null), fc.double(), fc.integer(), fc.bigInt({ min: -(1n << 63n), max: (1n << 64n) - 1n }),
        fc.constantFrom<Value>(-0, Number.NaN, Infinity, 1e21, new Float(1), bytes, new DateTime('20250102T03:04:05.000006'), new Extension(5, bytes)),
        tie('value').map((one) => new Constant('NAME', one)),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'toJSON', '0', '10')), tie('value'), { maxKeys: 4, noNullPrototype: true }),
      ),
    }))
    fc.assert(fc.property(value, (one) => {
      const decoded = decode(encode({ ...ret, return: one }, { bin: true }))
      expect(recordOfValue(decoded).json).toBe(toJsonText(decoded))
    }))
  })

  test('anything else is refused', () => {
    expect(() => recordOf(encode({ jid: 1 }))).toThrow(/not a return/)
  })
})
