import { mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { PermanentError, type ReturnItem } from '../contract.ts'
import { makeDirectory, syncDirectory, writeWhole } from '../lib/durable-file.ts'
import { newJid } from '../lib/jid.ts'
import { memberText, withoutMember } from '../lib/json-text.ts'
import { packed, packedJson } from '../lib/msgpack.ts'
import { FILES, jobDirectories, jobDirectory, names, readPacked, readText } from './job-directory.ts'

/** One job cache on disk. */
export interface Place {
  /** `<cachedir>/jobs`. */
  jobs: string
  hashType: string
  /** Wall-clock milliseconds. */
  now: () => number
}

/** What Salt keeps of a return. */
const RESULT = ['return', 'retcode', 'success'] as const
const DIRECTORY_MODE = 0o750
const FILE_MODE = 0o640
/** Longest name of a file that Linux takes, bytes. */
const MAX_NAME_BYTES = 255

/**
 * Writes a return, once or again: the newest of a minion wins. One of a job that `nocache` marks is not kept, as in Salt.
 *
 * @throws PermanentError when the minion's id can be no directory
 */
export async function writeReturn(place: Place, { ret, json }: ReturnItem): Promise<void> {
  const result = RESULT.map((name) => `"${name}":${memberText(json, name) ?? 'null'}`)
  const job = await ensureJob(place, ret.jid)
  if (await readText(join(job, FILES.nocache)) !== undefined) return
  const minion = join(job, directoryName(ret.id))
  await makeDirectory(minion, DIRECTORY_MODE)
  await writeWhole(join(minion, FILES.record), packedJson([...RESULT, 'out'].reduce(withoutMember, json)), FILE_MODE)
  if (ret.out !== undefined) await writeWhole(join(minion, FILES.out), packed(ret.out), FILE_MODE)
  await writeWhole(join(minion, FILES.return), packedJson(`{${result.join()}}`), FILE_MODE)
  await syncDirectory(minion)
}

/** Stores a publication unless the job has one, and adds the minions. */
export async function writeLoad(place: Place, jid: string, load: Record<string, unknown>, minions: readonly string[]): Promise<void> {
  const job = await ensureJob(place, jid)
  // The first load is the publication; a master stores it again with the return, which knows less.
  if (await readPacked(join(job, FILES.load)) === undefined) await writeWhole(join(job, FILES.load), packed(load), FILE_MODE)
  await addMinions(job, minions)
  await syncDirectory(job)
}

/** Adds to the ids that should return. */
export async function writeMinions(place: Place, jid: string, minions: readonly string[]): Promise<void> {
  const job = await ensureJob(place, jid)
  await addMinions(job, minions)
  await syncDirectory(job)
}

async function addMinions(job: string, minions: readonly string[]): Promise<void> {
  if (minions.length === 0) return
  const known = await readPacked(join(job, FILES.minions))
  const all = new Set([...(Array.isArray(known) ? known.map(String) : []), ...minions])
  await writeWhole(join(job, FILES.minions), packed([...all].toSorted()), FILE_MODE)
}

/** The job id to use, with its directory made: the one passed, or one that nobody has (Salt: `prep_jid`). */
export async function prepareJob(place: Place, nocache: boolean, passed?: string): Promise<string> {
  if (passed !== undefined) {
    const job = await ensureJob(place, passed)
    if (nocache) await writeWhole(join(job, FILES.nocache), '', FILE_MODE)
    return passed
  }
  for (let counter = 0; ; counter += 1) {
    const jid = newJid(place.now(), counter)
    const job = jobDirectory(place.jobs, jid, place.hashType)
    await makeDirectory(dirname(job), DIRECTORY_MODE)
    // Whoever makes the directory has the id.
    if (!await made(job)) continue
    await markJob(place, job, jid)
    if (nocache) await writeWhole(join(job, FILES.nocache), '', FILE_MODE)
    return jid
  }
}

async function made(directory: string): Promise<boolean> {
  try {
    await mkdir(directory, DIRECTORY_MODE)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

/** Makes the job's directory with its `jid` file: without one, Salt's cleaner takes it for a ruin. */
async function ensureJob(place: Place, jid: string): Promise<string> {
  const job = jobDirectory(place.jobs, jid, place.hashType)
  if (await readText(join(job, FILES.jid)) === undefined) {
    await makeDirectory(job, DIRECTORY_MODE)
    await markJob(place, job, jid)
  }
  return job
}

async function markJob(place: Place, job: string, jid: string): Promise<void> {
  await writeWhole(join(job, FILES.jid), jid, FILE_MODE, place.now())
  await syncDirectory(job)
}

/** The id as the name of a directory. @throws PermanentError when it can be none, or is one of the cache's own names */
function directoryName(id: string): string {
  const taken: readonly string[] = [FILES.jid, FILES.nocache, 'endtime']
  if (id !== '' && !id.startsWith('.') && !/[/\0]/.test(id) && Buffer.byteLength(id) <= MAX_NAME_BYTES && !taken.includes(id)) return id
  throw new PermanentError(`the minion id ${JSON.stringify(id.slice(0, 80))} cannot be the name of a directory in the job cache`)
}

/** Removes the jobs whose `jid` file is older than this moment, and what is left of jobs without one when it is as old. */
export async function removeBefore(place: Place, before: number): Promise<void> {
  for await (const job of jobDirectories(place.jobs)) {
    const marked = await modified(join(job, FILES.jid)) ?? await modified(job)
    if (marked === undefined || marked >= before) continue
    await rm(job, { recursive: true, force: true })
  }
  for (const top of await names(place.jobs)) {
    // A directory that is being filled meanwhile is not empty, and stays.
    const directory = join(place.jobs, top)
    if ((await readdir(directory).catch(() => ['?'])).length === 0) await rmdir(directory).catch(() => {})
  }
}

async function modified(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.mtimeMs
}
