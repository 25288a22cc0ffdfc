import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  bitsOf, booleanOf, childrenOf, DER, type DerElement, DerError, DerParts, integerOf, oidOf, readDer, smallIntegerOf, textOf, timeOf,
} from '../../../../agent/modules/x509/der.ts'
import { extensionsOf } from '../../../../agent/modules/x509/extensions.ts'
import { generalName, nameMap, nameText } from '../../../../agent/modules/x509/names.ts'

const hex = (text: string): DerElement => readDer(Buffer.from(text.replaceAll(' ', ''), 'hex'))

test('values are read', () => {
  expect(integerOf(hex('02 01 ff'))).toBe(-1n)
  expect(integerOf(hex('02 09 00 ff ff ff ff ff ff ff ff'))).toBe(0xffff_ffff_ffff_ffffn)
  expect(oidOf(hex('06 03 81 34 03'))).toBe('2.100.3')
  expect(oidOf(hex('06 09 2a 86 48 86 f7 0d 01 09 01'))).toBe('1.2.840.113549.1.9.1')
  expect(bitsOf(hex('03 02 05 a0'))).toEqual([true, false, true])
  expect(booleanOf(hex('01 01 ff'))).toBe(true)
  expect(timeOf(hex(`17 0d ${Buffer.from('491231235959Z').toString('hex')}`)).toISOString()).toBe('2049-12-31T23:59:59.000Z')
  expect(timeOf(hex(`17 0d ${Buffer.from('500101000000Z').toString('hex')}`)).getUTCFullYear()).toBe(1950)
  expect(textOf(hex('1e 04 00 5a 00 f6'))).toBe('Zö')
  expect(childrenOf(hex('30 04 05 00 05 00'))).toHaveLength(2)
})

test.each([
  ['cut off', '30 05 02'],
  ['an end that is not told', '30 80 00 00'],
  ['a length that is longer than it need be', '04 81 01 00'],
  ['a length of five bytes', '04 85 01 00 00 00 00'],
  ['something behind it', '05 00 00'],
  ['a tag of several bytes', '1f 81 01 00'],
])('%s is refused', (_, bytes) => {
  expect(() => hex(bytes)).toThrow(DerError)
})

test.each([
  ['a number that is longer than it need be', () => integerOf(hex('02 02 00 01'))],
  ['a number that JavaScript cannot count with', () => smallIntegerOf(hex('02 08 7f ff ff ff ff ff ff ff'))],
  ['an object identifier that does not end', () => oidOf(hex('06 02 2a 86'))],
  ['the 31st of February', () => timeOf(hex(`17 0d ${Buffer.from('260231000000Z').toString('hex')}`))],
  ['parts of what has none', () => childrenOf(hex('02 01 00'))],
  ['another tag', () => new DerParts(hex('30 03 02 01 00')).take(DER.oid)],
])('%s is refused', (_, read) => {
  expect(read).toThrow(DerError)
})

/** Bytes that look like DER more often than mere chance would have them: nested elements, some of them damaged. */
const nested = fc.letrec<{ element: Buffer }>((tie) => ({
  element: fc.oneof(
    { depthSize: 'medium' },
    fc.tuple(fc.constantFrom(1, 2, 3, 4, 5, 6, 10, 12, 19, 23, 24, 30, 0x80, 0x81, 0x82, 0x86, 0x87, 0x88), fc.uint8Array({ maxLength: 20 })).map(([tag, bytes]) => wrap(tag, Buffer.from(bytes))),
    fc.tuple(fc.constantFrom(0x30, 0x31, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4), fc.array(tie('element'), { maxLength: 4 })).map(([tag, parts]) => wrap(tag, Buffer.concat(parts))),
    fc.constantFrom('2.5.29.19', '2.5.29.15', '2.5.29.35', '2.5.29.31', '2.5.29.32', '2.5.29.30').chain((oid) => tie('element').map((value) => extension(oid, value))),
  ),
})).element

function wrap(tag: number, content: Buffer): Buffer {
  const length = content.length < 0x80 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), content])
}

function extension(oid: string, value: Buffer): Buffer {
  const last = oid.split('.').at(-1)
  return wrap(0x30, Buffer.concat([wrap(6, Buffer.from([0x55, 0x1d, Number(last)])), wrap(4, value)]))
}

test('any bytes are read, or refused with a DerError', () => {
  const readers = [
    (element: DerElement) => integerOf(element), booleanOf, bitsOf, oidOf, timeOf, textOf, childrenOf, nameMap, nameText, generalName,
    (element: DerElement) => extensionsOf(element), (element: DerElement) => extensionsOf(element, 'entry'),
  ]
  const walk = (element: DerElement): void => {
    for (const read of readers) readOrDerError(() => read(element))
    for (const child of readOrDerError(() => childrenOf(element)) ?? []) walk(child)
  }
  const damaged = fc.tuple(nested, fc.nat(), fc.nat(255)).map(([bytes, at, byte]) => {
    const changed = Buffer.from(bytes)
    if (changed.length > 0) changed[at % changed.length] = byte
    return changed
  })
  const property = fc.property(fc.oneof(nested, damaged, fc.array(nested, { maxLength: 5 }).map((all) => wrap(0x30, Buffer.concat(all))), fc.uint8Array({ maxLength: 200 })), (bytes) => {
    const element = readOrDerError(() => readDer(Buffer.from(bytes)))
    if (element !== undefined) walk(element)
  })
  expect(() => fc.assert(property, { numRuns: 1000 })).not.toThrow()
})

function readOrDerError<Type>(read: () => Type): Type | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof DerError) return undefined
    throw error
  }
}
