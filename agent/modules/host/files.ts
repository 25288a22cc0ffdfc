/** The host's own files (/proc, /sys, /etc), read with a bound: some of them grow with what other programs do. */
import { constants } from 'node:fs'
import { open, readdir, readlink } from 'node:fs/promises'

/** Bytes that are read of one file. */
const fileLimitBytes = 16 * 1024 * 1024
const chunkBytes = 64 * 1024
/** Names that are taken of one directory. */
const namesLimit = 100_000

/**
 * The first `limitBytes` of a file; undefined when it is not there or may not be read. Without O_NONBLOCK a pipe at that place
 * would hold a thread for ever.
 */
export async function readBytes(path: string, limitBytes = fileLimitBytes): Promise<Buffer | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const chunks: Buffer[] = []
      for (let total = 0; total < limitBytes; ) {
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(Math.min(chunkBytes, limitBytes - total)), 0)
        if (bytesRead === 0) break
        chunks.push(buffer.subarray(0, bytesRead))
        total += bytesRead
      }
      return Buffer.concat(chunks)
    } finally {
      await file.close()
    }
  } catch {
    return undefined
  }
}

/** The text of a file; undefined as of `readBytes`. Of one that is longer than `limitBytes`, the whole lines before. */
export async function readText(path: string, limitBytes = fileLimitBytes): Promise<string | undefined> {
  const bytes = await readBytes(path, limitBytes)
  const text = bytes?.toString('utf8')
  return text !== undefined && (bytes?.length ?? 0) >= limitBytes ? text.slice(0, text.lastIndexOf('\n') + 1) : text
}

/** The lines of a file that are not empty; none when it cannot be read. */
export async function readLines(path: string): Promise<string[]> {
  return ((await readText(path)) ?? '').split('\n').filter((line) => line.trim() !== '')
}

/** The names in a directory; none when it cannot be read. */
export async function namesIn(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).slice(0, namesLimit)
  } catch {
    return []
  }
}

/** Where a symbolic link points to; undefined when it is none or may not be read. */
export async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return await readlink(path)
  } catch {
    return undefined
  }
}

/** The words of a line. */
export function words(line: string): string[] {
  return line.split(/\s+/).filter((word) => word !== '')
}
