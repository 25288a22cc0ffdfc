/**
 * The control socket's language: one JSON message a line, answers in the order of the questions.
 *
 *   → {"id":1,"method":"outbox.status","params":{}}
 *   ← {"id":1,"result":{…}}   or   {"id":1,"error":{"code":"UNKNOWN_METHOD","message":"…"}}
 */
import { z } from 'zod'

/** A request may be this long: it can carry a whole return, in base64. */
export const MAX_REQUEST_BYTES = 128 * 1024 * 1024

/** Linux takes 107 bytes in an address; the margin leaves room for names derived from the path. */
const MAX_PATH_BYTES = 100

export const requestSchema = z.strictObject({ id: z.int(), method: z.string().max(100), params: z.unknown().optional() })

export const replySchema = z.union([
  z.strictObject({ id: z.int().nullable(), error: z.strictObject({ code: z.string(), message: z.string() }) }),
  z.strictObject({ id: z.int(), result: z.unknown() }),
])
export type ControlReply = z.output<typeof replySchema>

/** A failure that both ends know by its code. */
export class ControlError extends Error {
  readonly code: string
  /** sysexits.h EX_UNAVAILABLE. */
  readonly exitCode = 69
  override name = 'ControlError'
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** The agent's control socket in its run directory. */
export function controlSocketPath(runDirectory: string): string {
  return `${runDirectory}/control.sock`
}

/**
 * Refuses a socket path that the system would cut or refuse.
 *
 * @throws ControlError PATH_TOO_LONG
 */
export function checkSocketPath(path: string): void {
  const length = Buffer.byteLength(path)
  if (length <= MAX_PATH_BYTES) return
  throw new ControlError('PATH_TOO_LONG', `the control socket's path has ${length} bytes, at most ${MAX_PATH_BYTES} work: set sock_dir to a shorter directory (${path})`)
}

/** Collects bytes into lines. `push` gives the lines that are complete; it throws when one grows over the limit. */
export function createLineReader(maxBytes: number): { push(chunk: Buffer): string[] } {
  let parts: Buffer[] = []
  let held = 0
  return {
    push(chunk) {
      const lines: string[] = []
      let from = 0
      for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, from)) {
        parts.push(chunk.subarray(from, end))
        if (held + end - from > maxBytes) throw new ControlError('TOO_LONG', `a message is over ${maxBytes} bytes`)
        lines.push(Buffer.concat(parts).toString('utf8'))
        parts = []
        held = 0
        from = end + 1
      }
      held += chunk.length - from
      if (held > maxBytes) throw new ControlError('TOO_LONG', `a message is over ${maxBytes} bytes`)
      if (from < chunk.length) parts.push(chunk.subarray(from))
      return lines
    },
  }
}
