/**
 * Where Salt's local_cache keeps a job (salt/returners/local_cache.py, utils/jid.py `jid_dir`):
 *
 *   jobs/<2 digits>/<the rest of the hash of the jid>/
 *     jid             the jid, as text
 *     nocache         empty: returns of this job are not kept
 *     .load.p         the publication
 *     .minions.p      the ids that should return; `.minions.<syndic>.p` those of a syndic
 *     <minion id>/
 *       return.p      {return, retcode, success}
 *       out.p         the outputter's name
 *       record.p      ours: the other fields of the return. Salt does not look at it
 *
 * All but `jid` are msgpack. `return.p` is written last: a return is there when it is.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from '../lib/error-code.ts'
import { unpacked } from '../lib/msgpack.ts'

export const FILES = { jid: 'jid', nocache: 'nocache', load: '.load.p', minions: '.minions.p', return: 'return.p', out: 'out.p', record: 'record.p' } as const

/** The directory of a job below `jobs`. */
export function jobDirectory(jobs: string, jid: string, hashType: string): string {
  const hash = createHash(hashType).update(jid).digest('hex')
  return join(jobs, hash.slice(0, 2), hash.slice(2))
}

/** Every job's directory below `jobs`; none when there is no such directory. @throws the file system's error */
export async function* jobDirectories(jobs: string): AsyncGenerator<string> {
  for (const top of await names(jobs)) {
    for (const rest of await names(join(jobs, top))) yield join(jobs, top, rest)
  }
}

/** The names in a directory, sorted; none when it is missing or no directory. @throws the file system's error */
export async function names(directory: string): Promise<string[]> {
  return (await orNothing(readdir(directory)) ?? []).toSorted()
}

/**
 * A file of the cache, as JSON has its values; undefined when it is missing. One that does not decode counts as missing: a crash
 * of another writer may have cut it off, and must not hide the rest.
 *
 * @throws the file system's error
 */
export async function readPacked(path: string): Promise<unknown> {
  const bytes = await orNothing(readFile(path))
  if (bytes === undefined) return undefined
  try {
    return unpacked(bytes)
  } catch {
    return undefined
  }
}

/** The text of a file; undefined when it is missing. @throws the file system's error */
export async function readText(path: string): Promise<string | undefined> {
  return orNothing(readFile(path, 'utf8'))
}

async function orNothing<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(errorCode(error))) return undefined
    throw error
  }
}
