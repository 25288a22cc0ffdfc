import { decode as oracleDecode, encode as oracleEncode } from '@msgpack/msgpack'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decode, encode, MsgpackError } from '../../../agent/wire/msgpack.ts'
import { Constant, DateTime, Extension, Float } from '../../../agent/wire/value.ts'
import type { Value } from '../../../agent/wire/value.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
/** The oracle gives sub-arrays of its input, Buffers among them; compared as bytes. */
const plain = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return Uint8Array.from(value)
  if (Array.isArray(value)) return value.map(plain)
  return value !== null && typeof value === 'object' ? Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)])) : value
}
const outcome = (bytes: Uint8Array): unknown => {
  try {
    return decode(bytes) === undefined ? 'nothing' : 'fine'
  } catch (error) {
    return error instanceof MsgpackError ? 'fine' : error
  }
}
const bytesAsText = (length: number): string => 'x'.repeat(length)

/** Bytes that no text has: they stay bytes when they are read. */
const binary = fc.uint8Array({ maxLength: 40 }).map((bytes) => Uint8Array.from([0xff, ...bytes]))
const text = fc.string({ unit: 'binary', maxLength: 40 })
const integer = fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.bigInt({ min: -(1n << 63n), max: (1n << 64n) - 1n })
  .map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value)))
const float = fc.double({ noNaN: true }).map((value) =>
  Number.isSafeInteger(value) && !Object.is(value, -0) ? new Float(value) : value)
const extension = fc.tuple(fc.integer({ min: -128, max: 127 }).filter((type) => type !== 78 && type !== 79), binary)
  .map(([type, data]) => new Extension(type, data))
const leaf = fc.oneof(fc.constant(null), fc.boolean(), integer, float, text, binary, extension,
  text.map((value) => new DateTime(value)))
const isIndex = (key: string): boolean => String(Number(key) >>> 0) === key
/** Every kind of value, in the representation that decoding gives. */
const values: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(text.filter((key) => !isIndex(key)), tie('value'), { noNullPrototype: false })
      .map((object) => Object.assign(Object.create(null), object)),
    fc.array(fc.tuple(integer, tie('value')), { minLength: 1, maxLength: 20 }).map((pairs) => new Map<Value, Value>(pairs)),
    fc.tuple(text, tie('value')).map(([name, value]) => new Constant(name, value)),
  ),
})).value

describe('a round trip', () => {
  test.each([{ bin: false }, { bin: true }])('gives every value back, whichever dialect is written: %o', (options) => {
    fc.assert(fc.property(values, (value) => {
      expect(decode(encode(value, options))).toStrictEqual(value)
    }))
  })

  test.each([{ bin: false }, { bin: true }])('gives canonical bytes back, byte for byte: %o', (options) => {
    fc.assert(fc.property(values, (value) => {
      const bytes = encode(value, options)
      expect(encode(decode(bytes), options).equals(bytes)).toBe(true)
    }))
  })
})

describe('beside another implementation', () => {
  const common = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      fc.constant(null), fc.boolean(), fc.maxSafeInteger(), text, binary,
      fc.double({ noNaN: true }).filter((value) => !Number.isInteger(value)),
      fc.array(tie('value'), { maxLength: 8 }),
      fc.dictionary(text.filter((key) => key !== '__proto__' && !isIndex(key)), tie('value'), { maxKeys: 8 }),
    ),
  })).value

  test('the disk dialect is what it writes', () => {
    fc.assert(fc.property(common, (value) => {
      expect(encode(value, { bin: true }).equals(Buffer.from(oracleEncode(value)))).toBe(true)
    }))
  })

  test('it reads what we write, and we read what it writes', () => {
    fc.assert(fc.property(common, (value) => {
      expect(plain(oracleDecode(Uint8Array.from(encode(value, { bin: true }))))).toEqual(value)
      expect(decode(oracleEncode(value))).toEqual(value)
    }))
  })
})

describe('encoding', () => {
  test.each([
    [0, '00'], [127, '7f'], [128, 'cc80'], [255, 'ccff'], [256, 'cd0100'], [65_535, 'cdffff'], [65_536, 'ce00010000'],
    [4_294_967_295, 'ceffffffff'], [4_294_967_296, 'cf0000000100000000'], [-1, 'ff'], [-32, 'e0'], [-33, 'd0df'],
    [-128, 'd080'], [-129, 'd1ff7f'], [-32_768, 'd18000'], [-32_769, 'd2ffff7fff'], [-2_147_483_648, 'd280000000'],
    [-2_147_483_649, 'd3ffffffff7fffffff'], [2n ** 64n - 1n, 'cfffffffffffffffff'], [-(2n ** 63n), 'd38000000000000000'],
  ])('an integer takes its smallest form: %s', (value, expected) => {
    expect(encode(value).toString('hex')).toBe(expected)
  })

  test('an integer beyond 64 bits becomes its decimal text', () => {
    expect(decode(encode(2n ** 64n))).toBe('18446744073709551616')
    expect(decode(encode(-(2n ** 63n) - 1n))).toBe('-9223372036854775809')
  })

  test.each([
    [31, 'bf', 'bf'], [32, 'da0020', 'd920'], [255, 'da00ff', 'd9ff'], [256, 'da0100', 'da0100'], [65_536, 'db00010000', 'db00010000'],
  ])('text of %i bytes has the old head on the wire and the new one on disk', (length, wire, disk) => {
    expect(encode(bytesAsText(length)).subarray(0, wire.length / 2).toString('hex')).toBe(wire)
    expect(encode(bytesAsText(length), { bin: true }).subarray(0, disk.length / 2).toString('hex')).toBe(disk)
  })

  test('bytes are raw on the wire and bin on disk', () => {
    expect(encode(hex('ff00')).toString('hex')).toBe('a2ff00')
    expect(encode(hex('ff00'), { bin: true }).toString('hex')).toBe('c402ff00')
  })

  test('undefined members are left out', () => {
    expect(decode(encode({ a: undefined, b: 1 }))).toEqual({ b: 1 })
  })

  test('1 and 1.0 are told apart', () => {
    expect(encode(1).toString('hex')).toBe('01')
    expect(encode(new Float(1)).toString('hex')).toBe('cb3ff0000000000000')
    expect(decode(hex('cb3ff0000000000000'))).toStrictEqual(new Float(1))
  })

  test.each([['a function', () => 1], ['a symbol', Symbol('s')], ['a foreign class', new URL('http://a')]])('%s is refused', (_name, value) => {
    expect(() => encode([value])).toThrow(MsgpackError)
  })

  test('a structure that contains itself is refused', () => {
    const loop: unknown[] = []
    loop.push(loop)
    expect(() => encode(loop)).toThrow(/deeper than 512/)
  })
})

describe('decoding', () => {
  test('raw keeps text as bytes, except keys', () => {
    expect(decode(encode({ key: 'text' }), { raw: true })).toEqual({ key: Uint8Array.from(Buffer.from('text')) })
  })

  test('__proto__ is a key like any other', () => {
    const value = decode(encode(new Map([['__proto__', { polluted: true }]])))
    expect(Object.keys(value as object)).toEqual(['__proto__'])
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })

  test('of duplicate keys the last wins', () => {
    expect(decode(hex('82 a161 01 a161 02'))).toEqual({ a: 2 })
    expect(decode(hex('82 a1ff 01 a1ff 02'))).toEqual(new Map([[Uint8Array.from([0xff]), 2]]))
    expect((decode(hex('82 cb3ff0000000000000 01 cb3ff0000000000000 02')) as Map<Value, Value>).size).toBe(1)
  })

  test('a key that an object would reorder makes a Map', () => {
    expect([...(decode(hex('82 a162 01 a130 02')) as Map<Value, Value>).keys()]).toEqual(['b', '0'])
  })

  test('a byte order mark is part of the text', () => {
    expect(decode(encode('\uFEFFa'))).toBe('\uFEFFa')
  })

  test('the result does not refer to the input', () => {
    const input = hex('a1ff')
    const value = decode(input) as Uint8Array
    input.fill(0)
    expect([...value]).toEqual([0xff])
  })

  test('a constant with a malformed payload stays an extension', () => {
    expect(decode(hex('d4 4f c1'))).toStrictEqual(new Extension(79, Uint8Array.from([0xc1])))
  })
})

describe('hostile input', () => {
  test.each([
    ['an array that promises four thousand million items', 'ddffffffff'],
    ['a map that promises them', 'dfffffffff'],
    ['a text longer than the input', 'dbffffffff61'],
    ['an extension longer than the input', 'c9ffffffff4e'],
    ['nothing', ''],
    ['the byte that is never used', 'c1'],
    ['a truncated number', 'cf0000'],
    ['trailing bytes', '0000'],
  ])('%s is an error that names the place', (_name, input) => {
    expect(() => decode(hex(input))).toThrow(/at byte \d/)
  })

  test('nesting beyond the limit is refused before the stack ends', () => {
    expect(() => decode(Buffer.alloc(1_000_000, 0x91))).toThrow(/deeper than 512/)
    expect(() => decode(hex('919100'), { maxDepth: 1 })).toThrow(/deeper than 1/)
  })

  test('more values than allowed are refused', () => {
    expect(() => decode(hex('93010203'), { maxValues: 3 })).toThrow(/too many values/)
    expect(decode(hex('93010203'), { maxValues: 4 })).toEqual([1, 2, 3])
  })

  test('any bytes at all give a value or a MsgpackError', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(outcome(bytes)).toBe('fine')
    }), { numRuns: 3_000 })
  })
})
