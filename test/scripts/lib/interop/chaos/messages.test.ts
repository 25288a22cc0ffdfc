import { expect, test } from 'vitest'
import { frameOf } from '../../../../../agent/transport/frames.ts'
import { encode } from '../../../../../agent/wire/msgpack.ts'
import { createCutter } from '../../../../../scripts/lib/interop/chaos/messages.ts'

const [SHORT, LONG] = [encode({ load: 'a' }), encode({ load: 'b'.repeat(70_000) })]

/** A WebSocket frame of binary kind. */
function webSocketFrame(payload: Buffer, mask?: Buffer): Buffer {
  const length = payload.length
  const size = length < 126 ? [length] : length < 65_536 ? [126, length >> 8, length & 255] : [127, 0, 0, 0, 0, ...[24, 16, 8, 0].map((by) => (length >> by) & 255)]
  const [first = 0, ...rest] = size
  const body = mask === undefined ? payload : Buffer.from(payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0)))
  return Buffer.concat([Buffer.of(0x82, first | (mask === undefined ? 0 : 0x80), ...rest), mask ?? Buffer.alloc(0), body])
}

function zmtpPart(flags: number, payload: Buffer): Buffer {
  if (payload.length < 256) return Buffer.concat([Buffer.of(flags, payload.length), payload])
  const size = Buffer.alloc(8)
  size.writeBigUInt64BE(BigInt(payload.length))
  return Buffer.concat([Buffer.of(flags | 0x02), size, payload])
}

const PING = Buffer.of(0x89, 0x00)
const STREAMS: Record<string, Buffer> = {
  ws: Buffer.concat([Buffer.from('GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n'), webSocketFrame(SHORT, Buffer.of(1, 2, 3, 4)), PING, webSocketFrame(LONG, Buffer.of(9, 8, 7, 6)), webSocketFrame(SHORT)]),
  tcp: Buffer.concat([frameOf(SHORT, 'one'), frameOf(LONG, 'two'), frameOf(SHORT, 'three')]),
  zeromq: Buffer.concat([
    Buffer.alloc(64, 0xff), zmtpPart(0x04, Buffer.from('READY')), zmtpPart(0x01, Buffer.alloc(0)), zmtpPart(0, SHORT), zmtpPart(0x01, Buffer.alloc(0)), zmtpPart(0, LONG),
    zmtpPart(0x04, Buffer.from('PING')), zmtpPart(0x01, Buffer.alloc(0)), zmtpPart(0, SHORT),
  ]),
}

test.each(Object.keys(STREAMS))('the messages of %s are found however they are cut', (transport) => {
  const bytes = STREAMS[transport] ?? Buffer.alloc(0)
  for (const size of [29, 1000, bytes.length]) {
    const cut = createCutter(transport)
    const found = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => cut(bytes.subarray(index * size, (index + 1) * size))).flat()

    expect(found.map(({ body }) => body.equals(SHORT) ? 'short' : body.equals(LONG) ? 'long' : 'other')).toEqual(['short', 'long', 'short'])
    expect(found.map(({ mid }) => mid)).toEqual(transport === 'tcp' ? ['one', 'two', 'three'] : [undefined, undefined, undefined])
  }
})
