import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { SystemCall } from './syscalls.ts'

/** Something that was done to a file's content and is not surely on the disk yet. */
type Change = { kind: 'write'; data: Buffer; offset: number } | { kind: 'truncate'; size: number }

interface File {
  /** What a power loss leaves. */
  durable: Buffer
  pending: Change[]
  /** Whether the directory's entry for it is on the disk. */
  named: boolean
}

/** Which of the changes that were never synced a power loss spares: a disk may write them in any order, or not at all. */
export type Survivors = (changes: number) => boolean[]

export const none: Survivors = (changes) => Array.from({ length: changes }, () => false)

/**
 * The files of a directory as a power loss after the given calls leaves them: everything synced, and of the rest what
 * `survivors` picks. Names are lost with their file until their directory was synced.
 */
export function afterPowerLoss(calls: readonly SystemCall[], directory: string, survivors: Survivors): Map<string, Buffer> {
  const files = new Map<string, File>()
  /** Files whose removal is not on the disk yet. */
  const removed = new Map<string, File>()
  const file = (path: string): File => {
    const known = files.get(path) ?? { durable: Buffer.from(new ArrayBuffer(0)), pending: [], named: false }
    files.set(path, known)
    return known
  }
  for (const { call, path, data, offset, size, failed } of calls) {
    if (failed) continue
    if (path === directory && call === 'sync') {
      for (const one of files.values()) one.named = true
      removed.clear()
    }
    if (dirname(path) !== directory) continue
    switch (call) {
      case 'open': file(path); break
      case 'write': file(path).pending.push({ kind: 'write', data, offset }); break
      case 'truncate': file(path).pending.push({ kind: 'truncate', size }); break
      case 'sync': settle(file(path)); break
      case 'unlink': {
        const gone = files.get(path)
        if (gone?.named) removed.set(path, gone)
        files.delete(path)
        break
      }
      case 'close': break
      default: call satisfies never
    }
  }
  const left = new Map<string, Buffer>()
  for (const [path, one] of [...removed, ...files]) {
    if (!one.named) continue
    const spared = survivors(one.pending.length)
    left.set(basename(path), applyAll(one.durable, one.pending.filter((_, index) => spared[index])))
  }
  return left
}

/** Writes such files into a directory. */
export function writeFiles(directory: string, files: ReadonlyMap<string, Buffer>): void {
  mkdirSync(directory, { recursive: true })
  for (const [name, content] of files) writeFileSync(join(directory, name), content)
}

function settle(file: File): void {
  file.durable = applyAll(file.durable, file.pending)
  file.pending = []
}

/** The content after the changes; the one given may be changed too. */
function applyAll(content: Buffer, changes: readonly Change[]): Buffer {
  let current = content
  for (const change of changes) {
    if (change.kind === 'truncate') {
      current = resize(current, change.size)
      continue
    }
    const offset = change.offset < 0 ? current.length : change.offset
    const end = offset + change.data.length
    if (end > current.length) current = resize(current, end)
    change.data.copy(current, offset)
  }
  return current
}

/** Cuts or extends with zeros. Room grows by doubling, so that a file that is appended to is not copied each time. */
function resize(content: Buffer, size: number): Buffer {
  const room = content.buffer.byteLength - content.byteOffset
  if (size <= room && content.byteOffset === 0) {
    const resized = Buffer.from(content.buffer, 0, size)
    if (size > content.length) resized.fill(0, content.length)
    return resized
  }
  const resized = Buffer.from(new ArrayBuffer(size * 2), 0, size)
  content.copy(resized)
  return resized
}
