/** Files of this host that a function names: they may be anything. */
import { constants } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { CommandExecutionError } from '../modules/contract.ts'

/**
 * The content of a regular file, at most `limitBytes`; false when it is not there, or cannot be opened, as for Salt. Devices and pipes are
 * refused: opening or reading them may never end, and with four of those the agent itself stands still.
 *
 * @throws CommandExecutionError for another kind of file, and for one that is larger
 */
export async function readBounded(path: string, limitBytes: number): Promise<Buffer | false> {
  // Files of /proc may wait for something to happen, too.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined)
  if (handle === undefined) return false
  try {
    if (!(await handle.stat()).isFile()) throw notRegular(path)
    return await readAll(handle, path, limitBytes)
  } finally {
    await handle.close()
  }
}

/** The size that a file tells is not believed: that of a file in /proc is 0, and others grow. */
async function readAll(handle: FileHandle, path: string, limitBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for (;;) {
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(65_536), 0, 65_536, null)
    if (bytesRead === 0) return Buffer.concat(chunks)
    size += bytesRead
    if (size > limitBytes) throw new CommandExecutionError(`${path} has more than the ${limitBytes} bytes that can be a result`)
    chunks.push(buffer.subarray(0, bytesRead))
  }
}

/** @throws CommandExecutionError for what is there and no regular file: writing to it, or reading it, may never end. */
export async function refuseSpecial(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined)
  if (found !== undefined && !found.isFile() && !found.isDirectory()) throw notRegular(path)
}

function notRegular(path: string): CommandExecutionError {
  return new CommandExecutionError(`${path} is not a regular file`)
}
