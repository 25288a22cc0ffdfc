import type { Clock } from '../clock.ts'
import type { Commits } from './commits.ts'
import { pageSize } from './database.ts'
import type { Session } from './session.ts'
import { fileBytes, type StorePaths } from './settings.ts'

/** What the store does for itself when nobody asks anything of it. */
export interface Upkeep {
  /** Something was committed: space may be left to return, once it is quiet. */
  touched(): void
  stop(): void
}

export interface UpkeepSettings {
  clock: Clock
  paths: StorePaths
  commits: Commits
  /** The open session; undefined while the store cannot be used. */
  session(): Session | undefined
  fault(error: unknown): void
  uptime(): number
}

/** Without a commit for this long the store is quiet. */
const quietMs = 1000

/** Pages given back per step, and the pause between steps: a step is a small commit. */
const vacuumPages = 128
const vacuumPauseMs = 20

/** Free pages that are not worth a commit, and those that are left for the next burst. */
const minFreePages = (1024 * 1024) / pageSize
const spareFreePages = 32

/** A quiet WAL shorter than this is left for the next commits. */
const minWalBytes = 1024 * 1024

/** How often ages are looked at, and how often the uptime is saved while ages matter. */
const ageMs = 60_000
const saveUptimeMs = 10 * 60_000

/** Starts watching. */
export function startUpkeep(settings: UpkeepSettings): Upkeep {
  const { clock, commits } = settings
  let quietSince = clock.monotonic()
  let cancelTidy: (() => void) | undefined
  let stopped = false
  let savedUptime = settings.uptime()

  function armTidy(ms: number): void {
    cancelTidy ??= clock.timer(ms, () => {
      cancelTidy = undefined
      const remaining = quietSince + quietMs - clock.monotonic()
      if (remaining > 0) armTidy(remaining)
      else if (tidy()) armTidy(vacuumPauseMs)
    })
  }

  /** Gives some space back; true when there is more to give. */
  function tidy(): boolean {
    const session = settings.session()
    if (session === undefined) return false
    try {
      if (vacuumStep(session)) return true
      if (fileBytes(settings.paths.wal) >= minWalBytes) session.database.pragma('wal_checkpoint(TRUNCATE)')
    } catch (error) {
      settings.fault(error)
    }
    return false
  }

  async function age(): Promise<void> {
    const session = settings.session()
    if (session === undefined) return
    const uptime = settings.uptime()
    const save = uptime - savedUptime >= saveUptimeMs && session.books.all().some((ledger) => ledger.queued + ledger.dead > 0)
    const more = await commits.submit({
      bytes: 0,
      run(current) {
        if (save) current.saveUptime()
        const expired = current.bounds.expire(uptime)
        return current.kept.expire(uptime) || expired
      },
    })
    if (save) savedUptime = uptime
    if (more && !stopped) await age()
  }

  function needsAge(): boolean {
    const session = settings.session()
    if (session === undefined) return false
    return session.kept.oldestUptime() !== null || session.books.all().some((ledger) => ledger.queued + ledger.dead > 0)
  }

  /** A failure is the connection's matter; the next round tries again. */
  function onAge(): void {
    cancelAge = clock.timer(ageMs, onAge)
    try {
      if (needsAge()) age().catch(() => {})
    } catch (error) {
      settings.fault(error)
    }
  }
  let cancelAge = clock.timer(ageMs, onAge)
  armTidy(quietMs)

  return {
    touched() {
      quietSince = clock.monotonic()
      if (!stopped) armTidy(quietMs)
    },
    stop() {
      stopped = true
      cancelTidy?.()
      cancelAge()
    },
  }
}

/** Gives one step of free pages back when there are many; true when it did and more are left. */
function vacuumStep({ database }: Session): boolean {
  const free = Number(database.pragma('freelist_count', { simple: true }))
  if (free < minFreePages) return false
  database.pragma(`incremental_vacuum(${Math.min(vacuumPages, free - spareFreePages)})`)
  return true
}
