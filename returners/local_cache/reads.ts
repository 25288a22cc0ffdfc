import { join } from 'node:path'
import type { ReturnRecord } from '../contract.ts'
import { FILES, jobDirectories, jobDirectory, names, readPacked, readText } from './job-directory.ts'
import type { Place } from './writes.ts'

type Fields = Record<string, unknown>

/** The publication of a job with `Minions`, those of syndics too; null when there is none. */
export function readLoad({ jobs, hashType }: Place, jid: string): Promise<Fields | null> {
  return loadOf(jobDirectory(jobs, jid, hashType))
}

/** Minion id → its return. */
export function readJob({ jobs, hashType }: Place, jid: string): Promise<Record<string, ReturnRecord>> {
  return returnsOf(jobDirectory(jobs, jid, hashType), jid)
}

/** jid → the publication, of every job that has one. */
export async function readLoads(place: Place): Promise<Record<string, Fields>> {
  const loads = new Map<string, Fields>()
  for await (const { jid, job } of jobsOf(place)) {
    const load = await loadOf(job)
    if (load !== null) loads.set(jid, load)
  }
  return Object.fromEntries(loads)
}

/** Minion id → its return of that function with the highest jid. Looks at every job. */
export async function readFunction(place: Place, fun: string): Promise<Record<string, ReturnRecord>> {
  const newest = new Map<string, ReturnRecord>()
  for await (const { jid, job } of jobsOf(place)) {
    for (const [id, ret] of Object.entries(await returnsOf(job, jid))) {
      if (ret.fun === fun && (newest.get(id)?.jid ?? '') < jid) newest.set(id, ret)
    }
  }
  return Object.fromEntries(newest)
}

/** Every minion that has returned anything. Looks at every job. */
export async function readMinions(place: Place): Promise<string[]> {
  const minions = new Set<string>()
  for await (const { job } of jobsOf(place)) for (const id of await returnedIds(job)) minions.add(id)
  return [...minions].toSorted()
}

async function* jobsOf(place: Place): AsyncGenerator<{ jid: string; job: string }> {
  for await (const job of jobDirectories(place.jobs)) {
    const jid = await readText(join(job, FILES.jid))
    if (jid !== undefined && jid !== '') yield { jid, job }
  }
}

async function loadOf(job: string): Promise<Fields | null> {
  const load = await readPacked(join(job, FILES.load))
  if (!isMap(load)) return null
  const minions = new Set<string>()
  for (const name of await names(job)) {
    const listed = name === FILES.minions || /^\.minions\..+\.p$/.test(name) ? await readPacked(join(job, name)) : undefined
    if (Array.isArray(listed)) for (const id of listed) minions.add(String(id))
  }
  return minions.size === 0 ? load : { ...load, Minions: [...minions].toSorted() }
}

async function returnedIds(job: string): Promise<string[]> {
  const ids: string[] = []
  for (const id of await names(job)) {
    if (!id.startsWith('.') && (await names(join(job, id))).includes(FILES.return)) ids.push(id)
  }
  return ids
}

async function returnsOf(job: string, jid: string): Promise<Record<string, ReturnRecord>> {
  const returns = new Map<string, ReturnRecord>()
  for (const id of await returnedIds(job)) {
    const stored = await readPacked(join(job, id, FILES.return))
    if (stored === undefined) continue
    const rest = await readPacked(join(job, id, FILES.record)) ?? await fromLoad(job)
    const out = await readPacked(join(job, id, FILES.out))
    // The oldest caches hold the bare value.
    const result = isMap(stored) && 'return' in stored ? stored : { return: stored }
    returns.set(id, {
      fun: '', fun_args: [], retcode: 0, success: true, ...(isMap(rest) && rest), ...result, jid, id,
      return: result['return'], ...(typeof out === 'string' && { out }),
    })
  }
  return Object.fromEntries(returns)
}

/** What a return of Salt's own does not hold: the function is in the publication. */
async function fromLoad(job: string): Promise<Fields> {
  const load = await readPacked(join(job, FILES.load))
  if (!isMap(load)) return {}
  const { fun, arg } = load
  return { ...((typeof fun === 'string' || Array.isArray(fun)) && { fun }), ...(Array.isArray(arg) && { fun_args: arg }) }
}

function isMap(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
