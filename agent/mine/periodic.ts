/**
 * Updates the mine by itself (minion.py, `__mine_interval`): when the first pillar has come, and every `mine_interval` from then on.
 * An update that still runs is not started again; without `mine_functions` nothing is done.
 */
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'

export interface PeriodicMineSettings {
  /** `mine_enabled`. */
  enabled: boolean
  /** `mine_interval`, milliseconds; 0 only when the first pillar has come. */
  intervalMs: number
}

export interface PeriodicMineParts {
  clock: Clock
  log: Logger
  /** Whether there is anything to put into the mine now. */
  hasFunctions(): boolean
  /** Runs `mine.update`; resolves when it is over. */
  update(): Promise<unknown>
}

export interface PeriodicMine {
  /** The pillar has come; only the first call does something. */
  begin(): void
  stop(): void
}

/** Makes it; nothing happens before `begin`. */
export function createPeriodicMine({ enabled, intervalMs }: PeriodicMineSettings, { clock, log, hasFunctions, update }: PeriodicMineParts): PeriodicMine {
  let state: 'waiting' | 'begun' | 'stopped' = enabled ? 'waiting' : 'stopped'
  let updating = false
  let cancel: (() => void) | undefined

  return {
    begin() {
      if (state !== 'waiting') return
      state = 'begun'
      runAndArm()
    },
    stop() {
      state = 'stopped'
      cancel?.()
    },
  }

  function runAndArm(): void {
    if (intervalMs > 0) cancel = clock.timer(intervalMs, runAndArm)
    if (updating || !hasFunctions()) return
    updating = true
    update()
      .catch((error: unknown) => log.warn({ err: error }, 'the mine could not be updated'))
      .finally(() => {
        updating = false
      })
  }
}
