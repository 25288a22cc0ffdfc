import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import type { FoundFile } from './roots.ts'

const readBytes = 256 * 1024
/** Hashes that are remembered. */
const maxKnown = 4096

/**
 * The hash of a file, hex, read piece by piece.
 *
 * @throws the file system's error
 */
export async function hashOfFile(path: string, type: string): Promise<string> {
  const hash = createHash(type)
  await pipeline(createReadStream(path, { highWaterMark: readBytes }), hash)
  return hash.digest('hex')
}

/** Hashes of files, remembered while size, inode and times of the file stay the same. */
export function createHashes(type: string): (file: FoundFile) => Promise<string> {
  const known = new Map<string, { state: string; hash: string }>()
  return async ({ path, stats }) => {
    const state = `${stats.dev} ${stats.ino} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`
    const found = known.get(path)
    if (found?.state === state) return found.hash
    const hash = await hashOfFile(path, type)
    if (known.size >= maxKnown) known.clear()
    known.set(path, { state, hash })
    return hash
  }
}
