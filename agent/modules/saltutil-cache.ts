import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { get } from '../wire/value.ts'
import { errorText } from './error-text.ts'
import type { BuiltinContext } from './services.ts'

/**
 * Removes every file under `cachedir` (Salt: saltutil.clear_cache), but never one of the store of returns, should a site have put it
 * there. False when a file cannot be removed.
 */
export async function clearCache(context: BuiltinContext): Promise<boolean> {
  const cachedir = context.config('cachedir')
  const store = get(context.config('outbox'), 'dir')
  if (typeof cachedir !== 'string') return false
  const entries = await readdir(cachedir, { withFileTypes: true, recursive: true }).catch(() => [])
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isDirectory() || (typeof store === 'string' && path.startsWith(`${store}/`))) continue
    try {
      await rm(path, { force: true })
    } catch (error) {
      context.log.error({ path, error: errorText(error) }, 'a file of the cache could not be removed')
      return false
    }
  }
  return true
}
