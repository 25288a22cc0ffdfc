import type { MinionConfig } from './schema.ts'

/** True when there is no master: no link, no destination for one, everything else the same. */
export function isMasterless(config: Pick<MinionConfig, 'master_type' | 'file_client' | 'use_master_when_local'>): boolean {
  return config.master_type === 'disable' || (config.file_client === 'local' && !config.use_master_when_local)
}
