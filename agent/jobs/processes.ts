/**
 * The processes of this host, read from /proc (Linux; elsewhere none are found).
 *
 * Every program that a job starts carries the environment variable BRINE_JOB, `<instance>/<jid>/<number>`, which its
 * children inherit whatever group or session they move to. So a job's processes can be found after a crash of the agent,
 * without a row for each of them.
 */
import { readdirSync, readFileSync } from 'node:fs'
import type { ProcessMark } from '../outbox/port.ts'
import type { Clock } from '../clock.ts'

export const jobVariable = 'BRINE_JOB'

export interface ProcessInfo {
  pid: number
  ppid: number
  pgid: number
  /** Clock ticks since boot: with the pid, names a process beyond the reuse of its number. */
  startTicks: number
  /** The program's name, at most 15 characters. */
  name: string
}

/** The marker of one program of a job; without a number, the beginning that all of the job's markers share. */
export function jobMarker(instance: string, jid: string, number?: number): string {
  return `${instance}/${jid}/${number ?? ''}`
}

/** One process; undefined when there is none, or only its remains (a zombie). */
export function readProcess(pid: number): ProcessInfo | undefined {
  const stat = readText(`/proc/${pid}/stat`)
  const end = stat?.lastIndexOf(')') ?? -1
  if (stat === undefined || end < 0) return undefined
  const fields = stat.slice(end + 2).split(' ')
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined
  return {
    pid,
    ppid: Number(fields[1]),
    pgid: Number(fields[2]),
    startTicks: Number(fields[19]),
    name: stat.slice(stat.indexOf('(') + 1, end),
  }
}

/** All processes of the host. */
export function listProcesses(): ProcessInfo[] {
  const found: ProcessInfo[] = []
  for (const name of readNames('/proc')) {
    const info = /^[0-9]+$/.test(name) ? readProcess(Number(name)) : undefined
    if (info !== undefined) found.push(info)
  }
  return found
}

/** Processes whose marker starts with this one. Other users' environments can only be read by root. */
export function markedProcesses(prefix: string): { info: ProcessInfo; marker: string }[] {
  const found: { info: ProcessInfo; marker: string }[] = []
  for (const info of listProcesses()) {
    const marker = info.pid === process.pid ? undefined : markerOf(info.pid)
    if (marker?.startsWith(prefix) === true) found.push({ info, marker })
  }
  return found
}

/**
 * A process and all it started: its group, its descendants, and whatever carries exactly its marker, wherever it moved.
 * Only processes that are as young as the root are looked into, since a host may have thousands.
 */
export function processTree(root: { pid: number; startTicks: number; marker: string }): ProcessInfo[] {
  const young = listProcesses().filter((info) => info.startTicks >= root.startTicks && info.pid !== process.pid)
  const rootLives = young.some((info) => info.pid === root.pid && info.startTicks === root.startTicks)
  const below = rootLives ? descendants(root.pid, young) : new Set<number>()
  return young.filter((info) => below.has(info.pid) || (rootLives && info.pgid === root.pid) || markerOf(info.pid) === root.marker)
}

function descendants(pid: number, among: ProcessInfo[]): Set<number> {
  const found = new Set([pid])
  for (let size = 0; found.size > size; ) {
    size = found.size
    for (const info of among) if (found.has(info.ppid)) found.add(info.pid)
  }
  return found
}

/** The mark of a process group by its leader; undefined when the leader is gone. */
export function markOf(pgid: number): ProcessMark | undefined {
  const leader = readProcess(pgid)
  const bootId = readText('/proc/sys/kernel/random/boot_id')?.trim()
  return leader === undefined || bootId === undefined ? undefined : { pgid, startTicks: leader.startTicks, bootId }
}

/**
 * The living members of a marked group. None after a reboot, and none when the group's number was taken over by another
 * leader. A group whose leader has ended is not trusted by its number alone: its members are found by their marker.
 */
export function groupMembers(mark: ProcessMark): ProcessInfo[] {
  const now = markOf(mark.pgid)
  if (now === undefined || now.bootId !== mark.bootId || now.startTicks !== mark.startTicks) return []
  return listProcesses().filter((info) => info.pgid === mark.pgid && info.pid !== process.pid)
}

/** Sends a signal to a process, if it is still the one that was seen. */
export function signalProcess(info: ProcessInfo, signal: NodeJS.Signals | number): boolean {
  if (readProcess(info.pid)?.startTicks !== info.startTicks) return false
  try {
    return process.kill(info.pid, signal)
  } catch {
    return false
  }
}

const firstPollMs = 10
const lastPollMs = 160

/**
 * Ends processes: SIGTERM, then after `graceMs` SIGKILL, until none is left or five more seconds have passed. They are
 * looked for again each time, since they may start others. With a grace of 0 SIGKILL comes at once.
 *
 * Resolves with those that were seen, and those that are still there at the end.
 */
export async function endProcesses(
  find: () => ProcessInfo[],
  options: { clock: Clock; graceMs: number },
): Promise<{ seen: ProcessInfo[]; left: ProcessInfo[] }> {
  const { clock, graceMs } = options
  const seen = new Map<string, ProcessInfo>()
  const told = new Set<string>()
  const began = clock.monotonic()
  for (let pollMs = firstPollMs; ; pollMs = Math.min(pollMs * 2, lastPollMs)) {
    const living = find()
    const elapsed = clock.monotonic() - began
    if (living.length === 0 || elapsed > graceMs + 5000) return { seen: [...seen.values()], left: living }
    for (const info of living) {
      const key = `${info.pid}:${info.startTicks}`
      seen.set(key, info)
      if (elapsed >= graceMs) signalProcess(info, 'SIGKILL')
      else if (!told.has(key)) signalProcess(info, 'SIGTERM')
      told.add(key)
    }
    await new Promise<void>((resolve) => {
      clock.timer(elapsed < graceMs ? Math.min(pollMs, graceMs - elapsed) : pollMs, resolve)
    })
  }
}

function markerOf(pid: number): string | undefined {
  const environment = readText(`/proc/${pid}/environ`)
  if (environment === undefined) return undefined
  const prefix = `${jobVariable}=`
  return environment.split('\0').find((entry) => entry.startsWith(prefix))?.slice(prefix.length)
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function readNames(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
