import type { Duplex } from 'node:stream'

/** Length prefix of a frame: four bytes, big endian. */
const headerBytes = 4

/** Puts payloads on a stream, each behind its length. */
export function writeFrame(stream: Duplex, payload: Uint8Array): void {
  const header = Buffer.alloc(headerBytes)
  header.writeUInt32BE(payload.byteLength)
  stream.cork()
  stream.write(header)
  stream.write(payload)
  stream.uncork()
}

/**
 * Takes payloads off a stream, in order.
 *
 * @param maxBytes a longer payload is refused by its length, before anything of it is held.
 * @param refuse called once for a payload that is too long; nothing is read afterwards.
 */
export function readFrames(stream: Duplex, maxBytes: number, receive: (payload: Buffer) => void, refuse: (bytes: number) => void): void {
  let chunks: Buffer[] = []
  let held = 0
  let needed: number | null = null

  function take(bytes: number): Buffer {
    const all = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, held)
    chunks = all.length > bytes ? [all.subarray(bytes)] : []
    held = all.length - bytes
    return all.subarray(0, bytes)
  }

  function drain(): void {
    while (true) {
      if (needed === null) {
        if (held < headerBytes) return
        needed = take(headerBytes).readUInt32BE()
        if (needed > maxBytes) {
          stream.off('data', onData)
          stream.pause()
          refuse(needed)
          return
        }
      }
      if (held < needed) return
      const payload = take(needed)
      needed = null
      receive(payload)
    }
  }

  function onData(chunk: Buffer): void {
    chunks.push(chunk)
    held += chunk.length
    drain()
  }

  stream.on('data', onData)
}
