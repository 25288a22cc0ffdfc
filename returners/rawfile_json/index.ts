import { constants } from 'node:fs'
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { defineReturner, OperatorError, type ReturnItem, type SaltEvent } from '../contract.ts'
import { syncDirectory } from '../lib/durable-file.ts'
import { fileError } from '../lib/file-error.ts'
import { type Options, options } from './options.ts'

// Readable too, for the look at the last byte; never blocking, so that a FIFO without a reader cannot hold a thread.
const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK | constants.O_NOCTTY

export default defineReturner<Options>({
  name: 'rawfile_json',
  summary: 'Appends each return to a file as one line of JSON',
  options,
  delivery: 'at-least-once',
  jobCache: ['eventReturn'],
  isolation: 'inline',
  maxBatch: 500,
  open({ filename }) {
    return {
      returner: (items: ReturnItem[], signal) => append(filename, items.map((item) => item.json), signal),
      eventReturn: (events: SaltEvent[]) => append(filename, events.map((event) => JSON.stringify(event))),
      close: async () => {},
    }
  },
})

/** Appends lines with one write and waits until the disk has them. Opened anew each time, so that log rotation needs no signal. */
async function append(filename: string, lines: string[], signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted()
  try {
    await mkdir(dirname(filename), { recursive: true, mode: 0o750 })
    const file = await open(filename, flags, 0o640)
    try {
      await appendTo(file, filename, lines)
    } finally {
      await file.close()
    }
  } catch (error) {
    throw error instanceof OperatorError ? error : fileError(filename, error)
  }
}

async function appendTo(file: FileHandle, filename: string, lines: string[]): Promise<void> {
  const stat = await file.stat()
  if (!stat.isFile()) throw new OperatorError(`${filename} is not a regular file`)
  const torn = stat.size > 0 && !(await endsLine(file, stat.size))
  await writeAll(file, Buffer.from(`${torn ? '\n' : ''}${lines.join('\n')}\n`))
  await file.sync()
  if (stat.size === 0) await syncDirectory(dirname(filename))
}

/** One system call unless the kernel takes less (a nearly full disk): lines of other writers never fall between. */
async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  let rest = bytes
  while (rest.length > 0) {
    const { bytesWritten } = await file.write(rest)
    rest = rest.subarray(bytesWritten)
  }
}

/** False after a write that a full disk or a crash cut off: the torn line is ended, so that it spoils no other. */
async function endsLine(file: FileHandle, size: number): Promise<boolean> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(1), 0, 1, size - 1)
  return bytesRead === 0 || buffer[0] === 0x0a
}
