/** Whether the disk and the store on it can hold returns, and how fast. */
import { accessSync, closeSync, constants, fsyncSync, openSync, statfsSync, statSync, unlinkSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { formatSize } from '../../config/units.ts'
import type { AgentStatus } from '../control/status.ts'
import { checkStore } from '../outbox/check-store.ts'
import { fileBytes, type OutboxSettings, resolveLimits, storePaths } from '../outbox/settings.ts'
import type { Check, Finding } from './finding.ts'

/** Each finished job waits for one; above this a busy host feels it, and above the second jobs pile up. Milliseconds. */
const FSYNC_WARN_MS = 100
const FSYNC_FAIL_MS = 1000
const FSYNCS = 5

/** `status`: what the running agent told of itself; undefined when none runs. */
export function storeChecks(settings: OutboxSettings, status: AgentStatus | undefined): Check[] {
  const { directory } = settings
  return [
    { name: 'store', limitMs: 60_000, run: () => [status === undefined ? closedStore(directory) : openStore(status, directory)] },
    { name: 'disk', limitMs: 10_000, run: () => [freeSpace(settings)] },
    { name: 'fsync', limitMs: 30_000, run: () => [fsyncTime(directory)] },
  ]
}

function openStore({ storeUnavailable, lanes }: AgentStatus, directory: string): Finding {
  const check = 'store'
  if (storeUnavailable !== null) {
    return { check, state: 'fail', what: `the agent cannot write it: ${storeUnavailable}`, advice: `free space or mend the disk of ${directory}; the agent goes on by itself` }
  }
  const dead = lanes.reduce((sum, lane) => sum + lane.dead, 0)
  if (dead > 0) {
    const advice = 'brine outbox list --state dead tells why; then brine outbox retry, or export and purge'
    return { check, state: 'warn', what: `${dead} dead ${dead === 1 ? 'letter' : 'letters'}`, advice }
  }
  return { check, state: 'ok', what: `${directory}, written by the agent` }
}

function closedStore(directory: string): Finding {
  const check = 'store'
  const verdict = checkStore(directory)
  if (verdict === 'none') return { check, state: 'ok', what: `${directory} holds none yet` }
  if (verdict === 'ok') return { check, state: 'ok', what: `${directory}, every page is whole` }
  const advice = 'start the agent: it sets the store aside and saves what can be read; then look at the disk (dmesg, smartctl)'
  return { check, state: 'fail', what: `${directory} is damaged: ${verdict.fault}`, advice }
}

function freeSpace(settings: OutboxSettings): Finding {
  const check = 'disk'
  const directory = nearest(settings.directory)
  const disk = statfsSync(directory)
  const free = disk.bavail * disk.bsize
  const paths = storePaths(settings.directory)
  const used = fileBytes(paths.database) + fileBytes(paths.wal)
  const { totalBytes } = resolveLimits(settings)
  const room = Math.max(0, totalBytes - used)
  const what = `${formatSize(free)} free, the store has ${formatSize(used)} and may have ${formatSize(totalBytes)}`
  if (free >= room && (disk.files === 0 || disk.ffree > 1000)) return { check, state: 'ok', what }
  if (free >= room) return { check, state: 'fail', what: `${what}, and ${disk.ffree} inodes are left`, advice: `remove files on the file system of ${directory}` }
  return { check, state: free < room / 10 ? 'fail' : 'warn', what, advice: `free ${formatSize(room - free)} on the file system of ${directory}, or lower outbox.max_bytes` }
}

function fsyncTime(store: string): Finding {
  const check = 'fsync'
  const directory = nearest(store)
  try {
    accessSync(directory, constants.W_OK)
  } catch {
    return { check, state: 'warn', what: `${directory} cannot be written by this user`, advice: 'run brine doctor as the user that runs the agent' }
  }
  const ms = median(Array.from({ length: FSYNCS }, () => timeOne(directory)))
  const what = `${ms.toFixed(1)} ms in ${directory}`
  if (ms < FSYNC_WARN_MS) return { check, state: 'ok', what }
  const advice = 'every result waits for one: put outbox.dir on a faster disk, or see what else writes there (iostat -x)'
  return { check, state: ms < FSYNC_FAIL_MS ? 'warn' : 'fail', what, advice }
}

function timeOne(directory: string): number {
  const path = join(directory, `.brine-doctor-${process.pid}`)
  const file = openSync(path, 'wx', 0o600)
  try {
    writeSync(file, Buffer.alloc(4096, 1))
    const start = performance.now()
    fsyncSync(file)
    return performance.now() - start
  } finally {
    closeSync(file)
    unlinkSync(path)
  }
}

function median(values: number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0
}

/** The directory, or the nearest above it that is there. */
function nearest(directory: string): string {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true || dirname(directory) === directory) return directory
  return nearest(dirname(directory))
}
