import { statfsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

const MiB = 1024 * 1024
const dayMs = 24 * 60 * 60 * 1000

/** Changes that one commit takes at most. */
export const MAX_CHANGES = 1024

/** How much the store may hold, and for how long. Ages count uptime of the agent, not wall clock. */
export interface OutboxLimits {
  /** Database, WAL and dead letters on disk, in bytes. */
  totalBytes: number
  /** The part of `totalBytes` and `maxRows` that one destination may use. */
  destinationShare: number
  /** The part of `totalBytes` that no returner can take from the master. */
  masterShare: number
  /** Deliveries, queued and dead. */
  maxRows: number
  /** Deliveries older than this are dropped. */
  maxAgeMs: number
  /** Jids remembered for de-duplication: this many, or those of the last `rememberMs`, whichever keeps more. */
  rememberJids: number
  rememberMs: number
  /** De-duplication never takes more than this. */
  rememberBytes: number
  /** Delivered returns kept for `saltutil.find_cached_job`: the first to go when space is needed. */
  keepBytes: number
  keepRows: number
  keepMs: number
}

export interface OutboxSettings {
  /** Made when missing, mode 0700. */
  directory: string
  limits?: Partial<OutboxLimits>
  /** What becomes of a damaged store: set aside for a fresh one (default), or left as it is and refused, for a look from outside the agent. */
  damaged?: 'replace' | 'refuse'
  /** At start no set-aside delivery waits longer than this. */
  dueCapMs?: number
}

/** The names of the files in the store's directory. */
export interface StorePaths {
  directory: string
  database: string
  wal: string
  lock: string
  pid: string
}

/** Where the parts of a store lie. */
export function storePaths(directory: string): StorePaths {
  const database = join(directory, 'outbox.db')
  return {
    directory,
    database,
    wal: `${database}-wal`,
    lock: join(directory, 'outbox.lock'),
    pid: join(directory, 'outbox.pid'),
  }
}

/**
 * The limits in force: what is set, else the defaults. The default of `totalBytes` is a tenth of the disk that is free or
 * already ours, at most 1 GiB, at least 64 MiB.
 */
export function resolveLimits(settings: OutboxSettings, availableBytes = availableTo(settings.directory)): OutboxLimits {
  const totalBytes = settings.limits?.totalBytes ?? Math.max(64 * MiB, Math.min(1024 * MiB, Math.floor(availableBytes / 10)))
  return {
    totalBytes,
    destinationShare: 0.5,
    masterShare: 0.25,
    maxRows: 1_000_000,
    maxAgeMs: 30 * dayMs,
    rememberJids: 1_000_000,
    rememberMs: 30 * dayMs,
    keepRows: 10_000,
    keepMs: dayMs,
    ...settings.limits,
    rememberBytes: Math.min(100 * MiB, settings.limits?.rememberBytes ?? 100 * MiB, Math.floor(totalBytes / 4)),
    keepBytes: settings.limits?.keepBytes ?? Math.floor(totalBytes / 8),
  }
}

/** A larger return could never be held: it exceeds what one destination may have. Bytes. */
export function largestReturn(limits: OutboxLimits): number {
  return limits.totalBytes * limits.destinationShare
}

/** Bytes of the disk that are free, and those the store uses already; 0 when nobody can tell. */
export function availableTo(directory: string): number {
  const paths = storePaths(directory)
  return freeBytes(directory) + fileBytes(paths.database) + fileBytes(paths.wal)
}

/** Size of a file in bytes; 0 when there is none. */
export function fileBytes(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

function freeBytes(directory: string): number {
  try {
    const disk = statfsSync(directory)
    return disk.bavail * disk.bsize
  } catch {
    return dirname(directory) === directory ? 0 : freeBytes(dirname(directory))
  }
}
