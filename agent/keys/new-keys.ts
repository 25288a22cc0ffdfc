import { readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { loadMinionKey } from './minion-key.ts'
import type { MinionKeySettings } from './minion-key.ts'

/**
 * Removes every file of the pki directory, the pinned master's key too, and makes a new pair (Salt: saltutil.regen_keys). A file that
 * cannot be removed stays. What runs keeps the key it has.
 */
export async function newKeys(settings: MinionKeySettings): Promise<void> {
  const names = await readdir(settings.pkiDir).catch(() => [])
  for (const name of names) await unlink(join(settings.pkiDir, name)).catch(() => {})
  await loadMinionKey(settings)
}
