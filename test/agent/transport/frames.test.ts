import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createFrameReader, FRAME_OVERHEAD_BYTES, frameOf } from '../../../agent/transport/frames.ts'
import { encode } from '../../../agent/wire/msgpack.ts'

const MIB = 1024 * 1024

/** What the reader makes of the bytes, cut into pieces of this size. */
function readIn(bytes: Buffer, size: number, maxBytes = MIB) {
  const reader = createFrameReader(maxBytes)
  const frames = []
  for (let at = 0; at < bytes.length; at += size) frames.push(...reader.push(bytes.subarray(at, at + size)))
  return frames
}

describe('frames of a stream', () => {
  test('are Salt\'s bytes', () => {
    expect(frameOf(Buffer.of(0xc0)).toString('hex')).toBe(`82a4${Buffer.from('head').toString('hex')}80a4${Buffer.from('body').toString('hex')}c0`)
    expect(frameOf(Buffer.of(0xc0), 'm').toString('latin1')).toBe('\x82\xa4head\x81\xa3mid\xd9\x01m\xa4body\xc0')
    expect(frameOf(Buffer.of(0xc0), 'x'.repeat(36)).length - 1).toBeLessThanOrEqual(FRAME_OVERHEAD_BYTES)
  })

  test('come out as they went in, however they are cut, whatever the body is', () => {
    const body = fc.oneof(
      fc.anything({ withNullPrototype: false, maxDepth: 4 }).map((value) => JSON.parse(JSON.stringify(value) ?? 'null') as unknown),
      fc.uint8Array({ maxLength: 70_000 }).map((bytes) => Buffer.from(bytes)),
    ).chain((value) => fc.boolean().map((bin) => encode(value, { bin })))
    const frame = fc.record({ body, mid: fc.option(fc.uuid(), { nil: undefined }) })
    fc.assert(fc.property(fc.array(frame, { maxLength: 5 }), fc.integer({ min: 1, max: 5000 }), (sent, size) => {
      const got = readIn(Buffer.concat(sent.map((one) => frameOf(one.body, one.mid))), size, 10 * MIB)

      expect(got.map((one) => ({ mid: one.mid, body: one.body.toString('hex') }))).toEqual(sent.map((one) => ({ mid: one.mid, body: one.body.toString('hex') })))
    }), { numRuns: 60 })
  })

  test('as Python writes them: keys and values as bin, members in any order, others beside', () => {
    const bytes = encode({ body: Buffer.from('b'), more: [1, { x: 2 }], head: { mid: Buffer.from('m') } }, { bin: true })

    expect(readIn(bytes, 1)).toEqual([{ mid: 'm', body: Buffer.of(0xc4, 1, 0x62) }])
    const pair = Buffer.concat([Buffer.of(0x82), encode(Buffer.from('body'), { bin: true }), Buffer.of(0xc4, 1, 0x62), encode(Buffer.from('head'), { bin: true }), Buffer.of(0x81), encode('mid'), Buffer.of(0xc4, 1, 0x6d)])
    expect(readIn(pair, 2)).toEqual([{ mid: 'm', body: Buffer.of(0xc4, 1, 0x62) }])
  })

  test('a mid that is no text is none', () => {
    expect(readIn(encode({ head: { mid: 5 }, body: null }), 100)).toEqual([{ mid: undefined, body: Buffer.of(0xc0) }])
  })

  test.each<[string, Buffer]>([
    ['a greeting of another protocol', Buffer.from('SSH-2.0-OpenSSH')],
    ['HTTP', Buffer.from('HTTP/1.1 400 Bad Request\r\n')],
    ['ZeroMQ', Buffer.of(0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f)],
    ['an array', encode([1, 2])],
    ['a map without a body', encode({ head: {}, tail: 1 })],
    ['a head that is no map', encode({ head: 'x', body: 1 })],
    ['a head with a thousand members', encode({ head: Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`k${at}`, at])), body: 1 })],
    ['a byte that msgpack does not use', Buffer.concat([Buffer.from('\x82\xa4head\x80\xa4body', 'latin1'), Buffer.of(0xc1)])],
  ])('%s is refused', (_what, bytes) => {
    expect(() => readIn(bytes, 3)).toThrow(/no frame|without head|no small map|no msgpack/)
  })

  test('a frame that says it is too large is refused before it comes, one that is when it does', () => {
    const start = Buffer.from('\x82\xa4head\x80\xa4body', 'latin1')

    expect(() => readIn(Buffer.concat([start, Buffer.of(0xdd, 0xff, 0xff, 0xff, 0xff)]), 100)).toThrow(/larger than/)
    expect(() => readIn(Buffer.concat([start, Buffer.of(0xc6, 0, 0x20, 0, 0), Buffer.alloc(2 * MIB)]), 65_536)).toThrow(/larger than/)
  })

  test('a large one in many small pieces costs each byte once', () => {
    const bytes = frameOf(encode(Buffer.alloc(8 * MIB), { bin: true }), 'm')
    const began = performance.now()

    expect(readIn(bytes, 1460, 16 * MIB)).toHaveLength(1)
    expect(performance.now() - began).toBeLessThan(5000)
  })
})
