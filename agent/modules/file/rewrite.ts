/** Replacing the content of a file so that readers see the old or the new one, never a part. */
import { randomUUID } from 'node:crypto'
import { open, readlink, realpath, rename, rm, stat } from 'node:fs/promises'
import type { Stats } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { errorCode } from '../error-text.ts'
import { withSystemWords } from '../system-errors.ts'

/** File systems and directories that do not let a new file take the old one's place. */
const notReplaceable = new Set(['EBUSY', 'EXDEV', 'EPERM', 'EACCES', 'EROFS', 'ETXTBSY', 'ENOTSUP'])

/**
 * Writes the whole content of a file, through links, and keeps mode and owner of the one that was there; a new one gets what the umask
 * leaves. The file is replaced by a rename after an fsync. Only what cannot be replaced (a device, a file with several hard links, a
 * mount point, a directory that is not ours) is written in place.
 *
 * @throws CommandExecutionError in the system's words
 */
export async function rewriteFile(given: string, content: Uint8Array): Promise<void> {
  const path = await throughLinks(given)
  const old = await stat(path).catch(() => undefined)
  if (old !== undefined && (!old.isFile() || old.nlink > 1)) return withSystemWords(given, writeInPlace(path, content))
  try {
    await replaceFile(path, content, old)
  } catch (error) {
    const code = errorCode(error) ?? ''
    if (old === undefined || !notReplaceable.has(code)) return withSystemWords(given, Promise.reject(error as Error))
    await withSystemWords(given, writeInPlace(path, content))
  }
}

/** Where a path leads, also when the last link leads to nothing yet. */
async function throughLinks(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch {
    const target = await readlink(path).catch(() => undefined)
    return target === undefined ? path : resolve(dirname(path), target)
  }
}

async function replaceFile(path: string, content: Uint8Array, old: Stats | undefined): Promise<void> {
  const temporary = `${dirname(path)}/.${randomUUID()}.new`
  const file = await open(temporary, 'wx', old === undefined ? 0o666 : 0o600)
  try {
    try {
      await file.writeFile(content)
      if (old !== undefined) {
        await file.chown(old.uid, old.gid)
        await file.chmod(old.mode & 0o7777)
      }
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  // A rename survives a power cut only when its directory was synced.
  const directory = await open(dirname(path), 'r')
  await directory.sync().catch(() => {})
  await directory.close()
}

async function writeInPlace(path: string, content: Uint8Array): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.writeFile(content)
  } finally {
    await file.close()
  }
}
