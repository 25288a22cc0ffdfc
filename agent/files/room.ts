/** Whether a disk has room for more: the server says when a file is over, and may never. */
import { statfs } from 'node:fs/promises'
import { CommandExecutionError } from '../modules/contract.ts'

/** Downloads leave this much of a disk free, or a twentieth of a small one: the store of returns may lie on it, too. */
const leastFreeBytes = 64 * 1024 * 1024
const smallestPart = 20
/** The disk is asked again after this many bytes. */
const stepBytes = 8 * 1024 * 1024

/** Told of each part before it is written to a directory. `least`: free bytes that must be left, instead. @throws CommandExecutionError when they are not. */
export function watchRoom(directory: string, least?: number): (bytes: number) => Promise<void> {
  let unasked = Infinity
  return async (bytes) => {
    unasked += bytes
    if (unasked < stepBytes) return
    unasked = 0
    const { bavail, blocks, bsize } = await statfs(directory)
    const free = bavail * bsize
    if (free - bytes >= (least ?? Math.min(leastFreeBytes, (blocks * bsize) / smallestPart))) return
    throw new CommandExecutionError(`the disk of ${directory} is nearly full (${Math.floor(free / 1024 / 1024)} MiB are free): nothing more is downloaded to it`)
  }
}
