/**
 * `ext_job_cache`: the returners of every job are told of it when it is published, before the minions' returns come (master.py,
 * `publish`). Those that only minions have are theirs alone.
 */
import { join } from 'node:path'
import type { Clock } from '../agent/clock.ts'
import type { Logger } from '../agent/log.ts'
import type { ReturnerHandle } from '../returners/contract.ts'
import { builtInReturners } from '../returners/registry.ts'
import { openMasterReturner } from './returner.ts'
import type { MasterSettings } from './settings.ts'

export interface ExternalJobCache {
  /** Tells each of a job. What fails is logged and keeps nobody from the job. */
  saveJob(jid: string, load: Record<string, unknown>, minions: string[]): Promise<void>
  close(): Promise<void>
}

/**
 * Opens the returners that `ext_job_cache` names, as far as the master has them and they take publications.
 *
 * @throws MasterReturnerError when the options of one are wrong
 */
export async function openExternalJobCache(settings: MasterSettings, clock: Clock, log: Logger): Promise<ExternalJobCache> {
  const names = settings.ext_job_cache.split(',').map((name) => name.trim()).filter((name) => name !== '')
  const open = new Map<string, ReturnerHandle>()
  for (const name of new Set(names)) {
    if (!Object.hasOwn(builtInReturners, name)) {
      log.info({ returner: name }, 'ext_job_cache names a returner that only minions may have')
      continue
    }
    const stateDir = join(settings.cachedir, 'ext_job_cache')
    const handle = await openMasterReturner(settings, { name, option: 'ext_job_cache', stateDir }, { clock, log })
    if (handle.saveLoad) open.set(name, handle)
    else await handle.close()
  }
  return {
    async saveJob(jid, load, minions) {
      for (const [name, handle] of open) {
        try {
          await handle.saveLoad?.(jid, load, minions)
        } catch (error) {
          log.error({ returner: name, jid, err: error }, 'ext_job_cache was not told of a job')
        }
      }
    },
    async close() {
      for (const handle of open.values()) await handle.close()
    },
  }
}
