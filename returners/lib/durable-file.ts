/** Files that are there, whole, after a power cut. */
import { randomUUID } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Writes a file so that at every moment the old content or the whole new one is there. Its directory must exist, and is synced by
 * whoever writes the last file in it: `syncDirectory`.
 *
 * @param at its time of modification, wall-clock milliseconds; now when left out
 * @throws the file system's error; the old file is then untouched
 */
export async function writeWhole(path: string, content: string | Uint8Array, mode: number, at?: number): Promise<void> {
  const temporary = `${path}.${randomUUID()}.new`
  try {
    const file = await open(temporary, 'wx', mode)
    try {
      await file.writeFile(content)
      if (at !== undefined) await file.utimes(at / 1000, at / 1000)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/**
 * Makes a directory and those above it, and has their names on the disk.
 *
 * @returns whether it was made: false when it was there
 * @throws the file system's error
 */
export async function makeDirectory(path: string, mode: number): Promise<boolean> {
  const first = await mkdir(path, { recursive: true, mode })
  if (first === undefined) return false
  for (let made = path; ; made = dirname(made)) {
    await syncDirectory(dirname(made))
    if (made === first) return true
  }
}

/** A new name in a directory survives a power cut only when the directory was synced. @throws the file system's error */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
