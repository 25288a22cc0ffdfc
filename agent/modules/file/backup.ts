import { chmod, chown, copyFile, rm, stat, symlink } from 'node:fs/promises'
import { InvocationError } from '../contract.ts'
import { withSystemWords } from '../system-errors.ts'

/**
 * Keeps a copy of a file as it is, with its owner, mode and name and a suffix behind.
 *
 * @throws InvocationError for a suffix with a slash; CommandExecutionError in the system's words
 */
export async function keepBackup(path: string, suffix: string): Promise<void> {
  if (suffix.includes('/') || suffix.includes('\0')) throw new InvocationError(`backup must not have a slash: ${suffix}`)
  const copy = `${path}${suffix}`
  const original = await withSystemWords(path, stat(path))
  // What is there may be a link to anywhere.
  await rm(copy, { force: true })
  await withSystemWords(copy, copyFile(path, copy))
  await withSystemWords(copy, chown(copy, original.uid, original.gid))
  await withSystemWords(copy, chmod(copy, original.mode & 0o7777))
}

/** Beside a link that leads to a file, a link to the file's backup. */
export async function linkBackup(link: string, target: string, suffix: string): Promise<void> {
  await rm(`${link}${suffix}`, { force: true })
  await withSystemWords(link, symlink(`${target}${suffix}`, `${link}${suffix}`))
}
