import { open } from 'node:fs/promises'
import { CommandExecutionError } from '../contract.ts'
import { withSystemWords } from '../system-errors.ts'

/**
 * The whole content of a file, also of one whose size is not known before (in /proc).
 *
 * @throws CommandExecutionError in the system's words when it cannot be read, and when it is larger than the limit (bytes)
 */
export async function readBounded(path: string, limitBytes: number): Promise<Buffer> {
  const file = await withSystemWords(path, open(path, 'r'))
  try {
    const found = await file.stat()
    // A pipe or a terminal would be waited for without an end.
    if (!found.isFile() && !found.isDirectory()) throw new CommandExecutionError(`${path} is no regular file`)
    if (found.size > limitBytes) throw tooLarge(path, limitBytes)
    const chunks: Buffer[] = []
    let total = 0
    for (;;) {
      const { bytesRead, buffer } = await withSystemWords(path, file.read(Buffer.allocUnsafe(pieceBytes(found.size - total)), 0))
      if (bytesRead === 0) return Buffer.concat(chunks)
      total += bytesRead
      if (total > limitBytes) throw tooLarge(path, limitBytes)
      chunks.push(buffer.subarray(0, bytesRead))
    }
  } finally {
    await file.close()
  }
}

function pieceBytes(left: number): number {
  return Math.min(Math.max(left, 16 * 1024), 1024 * 1024)
}

function tooLarge(path: string, limitBytes: number): CommandExecutionError {
  return new CommandExecutionError(`${path} is larger than the ${limitBytes} bytes that this minion reads into memory`)
}
