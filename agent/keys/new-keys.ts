import { readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { OWN_KEYS } from './master-key.ts'
import { loadMinionKey } from './minion-key.ts'
import type { MinionKeySettings } from './minion-key.ts'

/**
 * Removes every file of the pki directory, the pinned masters' keys too, and makes a new pair (Salt: saltutil.regen_keys). A file that
 * cannot be removed stays. What runs keeps the key it has.
 */
export async function newKeys(settings: MinionKeySettings): Promise<void> {
  await removeFiles(settings.pkiDir)
  await removeFiles(join(settings.pkiDir, OWN_KEYS))
  await loadMinionKey(settings)
}

async function removeFiles(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => [])
  for (const name of names) await unlink(join(directory, name)).catch(() => {})
}
