/** Takes a file from the file server, part by part, into a temporary file, and believes it only when its hash is right. */
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { CommandExecutionError } from '../modules/contract.ts'
import type { FileHash, ServerRequests } from './server-requests.ts'

export interface DownloadRequest {
  path: string
  saltenv: string
  gzip: number | undefined
  hash: FileHash
  signal: AbortSignal
  /** Asks for room in a directory, part by part. */
  room(directory: string): (bytes: number) => Promise<void>
}

const maxTries = 3
/** Age at which a temporary file of a process that ended is removed, milliseconds. */
const staleMs = 24 * 60 * 60 * 1000

/** The directory of unfinished downloads. */
function temporaryDirectory(cachedir: string): string {
  return join(cachedir, 'tmp')
}

/** A name for an unfinished download of the cache, whose directory is there. */
export async function temporaryFile(cachedir: string): Promise<string> {
  const directory = temporaryDirectory(cachedir)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  return join(directory, randomUUID())
}

/**
 * Downloads to a temporary file under the cache and gives its path; the caller moves it.
 *
 * @throws CommandExecutionError when the file vanishes meanwhile, or its hash is wrong three times
 */
export async function download(server: ServerRequests, cachedir: string, request: DownloadRequest): Promise<string> {
  const temporary = await temporaryFile(cachedir)
  try {
    let expected: FileHash | undefined = request.hash
    for (let tries = 0; tries < maxTries; tries += 1) {
      if (expected === undefined) throw new CommandExecutionError(`the file ${request.path} went away while it was downloaded`)
      if ((await writeParts(server, temporary, request, expected.type)) === expected.sum) return temporary
      // It may have changed on the way.
      expected = await server.hash(request.path, request.saltenv)
    }
    throw new CommandExecutionError(`Bad download of file ${request.path}: its hash was wrong ${maxTries} times`)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** Writes the parts and gives the hash of them all. Only one part is in memory. */
async function writeParts(server: ServerRequests, file: string, { path, saltenv, gzip, signal, room }: DownloadRequest, hashType: string): Promise<string> {
  const hash = createHash(hashType)
  const takeRoom = room(dirname(file))
  const handle = await open(file, 'w', 0o600)
  try {
    for (let position = 0; ; ) {
      signal.throwIfAborted()
      const { bytes } = await server.part(path, saltenv, position, gzip)
      if (bytes.length === 0) return hash.digest('hex')
      hash.update(bytes)
      await takeRoom(bytes.length)
      // Not `write`: on a full disk that may write a part, and say so only in its result.
      await handle.appendFile(bytes)
      position += bytes.length
    }
  } finally {
    await handle.close()
  }
}

/** Puts a temporary file to its place in the cache. What stood there before, or in place of its directory, goes. */
export async function moveIntoCache(temporary: string, path: string): Promise<void> {
  await makeCacheDirectory(dirname(path))
  if ((await stat(path).catch(() => undefined))?.isDirectory() === true) await rm(path, { recursive: true })
  await rename(temporary, path)
}

/** Makes a directory of the cache, readable for the agent alone; a file that was cached under its name before goes. */
export async function makeCacheDirectory(directory: string): Promise<void> {
  if ((await stat(directory).catch(() => undefined))?.isFile() === true) await rm(directory)
  await mkdir(directory, { recursive: true, mode: 0o700 })
}

/** Writes a temporary file to a place outside of the cache, which keeps its mode and owner if it is there, and removes it. */
export async function copyOut(temporary: string, path: string): Promise<void> {
  try {
    await pipeline(createReadStream(temporary), createWriteStream(path))
  } finally {
    await rm(temporary, { force: true })
  }
}

/** Removes what downloads of processes that were killed left behind. `now`: wall clock, milliseconds. */
export async function sweepTemporary(cachedir: string, now: number): Promise<void> {
  const directory = temporaryDirectory(cachedir)
  for (const name of await readdir(directory).catch(() => [])) {
    const path = join(directory, name)
    const age = now - ((await stat(path).catch(() => undefined))?.mtimeMs ?? now)
    if (age > staleMs) await rm(path, { force: true })
  }
}
