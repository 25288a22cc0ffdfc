/** Cuts what goes over a request connection into its messages, as each transport frames them. Trusts both ends: they are our minion and a stock master. */
import { createFrameReader } from '../../../../agent/transport/frames.ts'

/** One request or reply. */
export interface Message {
  /** tcp's message id, which a reply has from its request; the other transports answer in order. */
  mid: string | undefined
  body: Buffer
}

/** Takes what came in one direction; gives the messages that are complete with it. */
export type Cutter = (chunk: Buffer) => Message[]

const MAX_FRAME_BYTES = 128 * 1024 * 1024
const CUTTERS: Readonly<Record<string, () => Cutter>> = { ws: cutWebSocket, tcp: cutFrames, zeromq: cutZmtp }

/** The cutter of one direction of one connection. */
export function createCutter(transport: string): Cutter {
  const make = CUTTERS[transport]
  if (make === undefined) throw new Error(`no transport ${transport}`)
  return make()
}

function cutFrames(): Cutter {
  const reader = createFrameReader(MAX_FRAME_BYTES)
  return (chunk) => reader.push(chunk)
}

/** What stands at the beginning of `bytes`: how long it is, and the message that ends with it. Undefined when it is not complete yet. */
type Step = (bytes: Buffer) => { size: number; message?: Buffer } | undefined

function cutBy(step: Step): Cutter {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    const messages: Message[] = []
    for (let part = step(rest); part !== undefined; part = step(rest)) {
      rest = rest.subarray(part.size)
      if (part.message !== undefined) messages.push({ mid: undefined, body: part.message })
    }
    return messages
  }
}

const HEADERS_END = '\r\n\r\n'
const FIN = 0x80
const CONTROL = 0x08

/** The upgrade, then WebSocket frames (RFC 6455); whole binary messages. */
function cutWebSocket(): Cutter {
  let upgraded = false
  let parts: Buffer[] = []
  return cutBy((bytes) => {
    if (!upgraded) {
      const end = bytes.indexOf(HEADERS_END)
      if (end < 0) return undefined
      upgraded = true
      return { size: end + HEADERS_END.length }
    }
    const frame = webSocketFrame(bytes)
    if (frame === undefined || (frame.first & CONTROL) !== 0) return frame && { size: frame.size }
    parts.push(frame.payload)
    if ((frame.first & FIN) === 0) return { size: frame.size }
    const message = Buffer.concat(parts)
    parts = []
    return { size: frame.size, message }
  })
}

function webSocketFrame(bytes: Buffer): { size: number; first: number; payload: Buffer } | undefined {
  if (bytes.length < 14 && bytes.length < 2 + extraBytes(bytes)) return undefined
  const short = (bytes[1] ?? 0) & 0x7f
  let at = 2
  let length = short
  if (short === 126) [length, at] = [bytes.readUInt16BE(2), 4]
  if (short === 127) [length, at] = [Number(bytes.readBigUInt64BE(2)), 10]
  const isMasked = ((bytes[1] ?? 0) & 0x80) !== 0
  const start = isMasked ? at + 4 : at
  if (bytes.length < start + length) return undefined
  const payload = Buffer.from(bytes.subarray(start, start + length))
  if (isMasked) for (let index = 0; index < length; index += 1) payload[index] = (payload[index] ?? 0) ^ (bytes[at + (index % 4)] ?? 0)
  return { size: start + length, first: bytes[0] ?? 0, payload }
}

/** Bytes of a header beyond its first two, as far as they tell. */
function extraBytes(bytes: Buffer): number {
  if (bytes.length < 2) return Infinity
  const second = bytes[1] ?? 0
  return ({ 126: 2, 127: 8 }[second & 0x7f] ?? 0) + ((second & 0x80) === 0 ? 0 : 4)
}

const GREETING_BYTES = 64
const MORE = 0x01
const LONG = 0x02
const COMMAND = 0x04

/** ZMTP 3: a greeting, then commands and message parts. The last part is the message; what is before it belongs to REQ and ROUTER. */
function cutZmtp(): Cutter {
  let greeted = false
  return cutBy((bytes) => {
    if (!greeted) {
      if (bytes.length < GREETING_BYTES) return undefined
      greeted = true
      return { size: GREETING_BYTES }
    }
    const flags = bytes[0] ?? 0
    const start = (flags & LONG) === 0 ? 2 : 9
    if (bytes.length < start) return undefined
    const size = start + ((flags & LONG) === 0 ? bytes[1] ?? 0 : Number(bytes.readBigUInt64BE(1)))
    if (bytes.length < size) return undefined
    return (flags & (COMMAND | MORE)) === 0 ? { size, message: Buffer.from(bytes.subarray(start, size)) } : { size }
  })
}
