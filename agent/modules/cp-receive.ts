/** The receiving half of `salt-cp` (Salt: modules/cp.py `recv`, `recv_chunked`). */
import { chmod, mkdir, open, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { entries } from '../wire/value.ts'
import type { Value } from '../wire/value.ts'
import { defineFunction, InvocationError, param } from './contract.ts'
import type { AnyFunction } from './contract.ts'
import { errorCode, errorText } from './error-text.ts'
import { rewriteFile } from './file/rewrite.ts'
import type { BuiltinContext } from './services.ts'
import { systemErrorText } from './system-errors.ts'

const unpack = promisify(gunzip)

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true
}

/** Where a file goes; undefined when there is no directory for it. */
async function placeOf(path: string, dest: string): Promise<string | undefined> {
  if (await isDirectory(dest)) return join(dest, basename(path))
  return basename(path) === basename(dest) || (await isDirectory(dirname(dest))) ? dest : undefined
}

async function receive(files: [Value, Value][], dest: string, context: BuiltinContext): Promise<Value> {
  const done: Record<string, Value> = {}
  for (const [path, data] of files) {
    const place = typeof path === 'string' ? await placeOf(path, dest) : undefined
    if (place === undefined) return 'Destination unavailable'
    try {
      await rewriteFile(place, bytesOf(data))
      done[place] = true
    } catch (error) {
      context.log.error({ path: place, err: error }, 'a file from the master could not be written')
      done[place] = false
    }
  }
  return done
}

function bytesOf(data: Value): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data)
  if (data instanceof Uint8Array) return data
  throw new InvocationError('the content of a file must be a text')
}

async function decompressed(packed: Uint8Array, limitBytes: number): Promise<Uint8Array> {
  try {
    return await unpack(packed, { maxOutputLength: limitBytes })
  } catch (error) {
    throw new InvocationError(`the part cannot be decompressed: ${errorText(error)}`)
  }
}

interface Chunk {
  dest: string
  chunk: Value
  append: boolean
  compressed: boolean
  mode: Value
}

/** Writes one part of a file, or makes an empty directory. Rejects with an error of the file system. */
async function receiveChunk({ dest, chunk, append, compressed, mode }: Chunk, limitBytes: number): Promise<Value> {
  if (chunk === null) {
    if ((await stat(dest).catch(() => undefined))?.isFile() === true) return 'Path exists and is a file'
    await mkdir(dest, { recursive: true })
    return true
  }
  const packed = Buffer.from(Buffer.from(bytesOf(chunk)).toString('latin1'), 'base64')
  const content = compressed ? await decompressed(packed, limitBytes) : packed
  const there = await stat(dest).catch(() => undefined)
  if (there !== undefined && !there.isFile() && !there.isDirectory()) throw new InvocationError(`${dest} is no regular file`)
  const opened = () => open(dest, append ? 'a' : 'w')
  const file = await opened().catch(async (error: unknown) => {
    if (errorCode(error) !== 'ENOENT') throw error
    await mkdir(dirname(dest), { recursive: true })
    return opened()
  })
  try {
    await file.writeFile(content)
  } finally {
    await file.close()
  }
  if (!append && typeof mode === 'number') await chmod(dest, mode & 0o7777)
  return true
}

function checkDestination(dest: string): void {
  if (!isAbsolute(dest)) throw new InvocationError(`the destination must be an absolute path, not ${dest}`)
}

/** The functions that `salt-cp` calls; they make no sense from a command line. */
export const receiving: Record<string, AnyFunction<BuiltinContext>> = {
  recv: defineFunction({
    doc: 'Writes small files that salt-cp sends, path \u2192 content, to a path or directory of this host. Returns path \u2192 whether it was written.',
    args: { files: param.map(), dest: param.text() },
    async run(context: BuiltinContext, { files, dest }) {
      checkDestination(dest)
      return receive(entries(files), dest, context)
    },
  }),
  recv_chunked: defineFunction({
    doc: 'Writes a part of a file that salt-cp --chunked sends, base64; without one it makes a directory. Returns True or why not.',
    args: { dest: param.text(), chunk: param.any(), append: param.boolean(false), compressed: param.boolean(true), mode: param.any(null) },
    async run(context: BuiltinContext, args) {
      checkDestination(args.dest)
      try {
        return await receiveChunk(args, context.agent.outputLimitBytes)
      } catch (error) {
        if (errorCode(error) === undefined || error instanceof InvocationError) throw error
        context.setRetcode(1)
        return systemErrorText(error, args.dest)
      }
    },
  }),
}
