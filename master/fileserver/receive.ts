/** Takes files that minions push (Salt: master.py `_file_recv`), into `<cachedir>/minions/<id>/files`. */
import { constants } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { dirname, join, normalize } from 'node:path'
import type { Logger } from '../../agent/log.ts'
import { type Value, type ValueObject, get } from '../../agent/wire/value.ts'

export interface ReceiveSettings {
  cachedir: string
  file_recv: boolean
  /** Megabytes of one file. */
  file_recv_max_size: number
}

/** Writes one part of a pushed file; false when it is refused. */
export type FileReceiver = (id: string, load: ValueObject) => Promise<boolean>

/** Makes the receiver. */
export function makeFileReceiver(settings: ReceiveSettings, log: Logger): FileReceiver {
  const maxBytes = settings.file_recv_max_size * 1024 * 1024
  return async (id, load) => {
    const position = get(load, 'loc')
    const relative = relativePath(get(load, 'path'))
    const data = bytesOf(get(load, 'data'))
    if (!settings.file_recv || relative === undefined || data === undefined) return false
    if (typeof position !== 'number' || !Number.isSafeInteger(position) || position < 0) return false
    if (position + data.length > maxBytes) {
      log.error({ id, path: relative, limitMegabytes: settings.file_recv_max_size }, 'a pushed file is larger than file_recv_max_size and is cut off')
      return false
    }
    const path = join(settings.cachedir, 'minions', id, 'files', relative)
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    // No link is followed: whatever lies in the cache, only files of the cache are written.
    const start = position === 0 ? constants.O_TRUNC : 0
    const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW | start, 0o600)
    try {
      // A full disk may take a part of it.
      for (let done = 0; done < data.length; ) done += (await file.write(data, done, data.length - done, position + done)).bytesWritten
    } finally {
      await file.close()
    }
    return true
  }
}

/** The parts of a path put together; undefined for what would leave the minion's directory. */
function relativePath(parts: Value | undefined): string | undefined {
  if (!Array.isArray(parts) || !parts.every((part) => typeof part === 'string')) return undefined
  const path = normalize(parts.join('/'))
  if (path === '.' || path.startsWith('/') || path.endsWith('/') || path.includes('\0')) return undefined
  return path.split('/').includes('..') ? undefined : path
}

function bytesOf(data: Value | undefined): Uint8Array | undefined {
  if (typeof data === 'string') return Buffer.from(data)
  return data instanceof Uint8Array ? data : undefined
}
