import { readdir, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { get } from '../wire/value.ts'
import { errorText } from './error-text.ts'
import type { BuiltinContext } from './services.ts'

/**
 * Removes every file under `cachedir` (Salt: saltutil.clear_cache), but never one of the store of returns, of the returners'
 * own, of the keys or of the control socket, should a site have put them there. False when a file cannot be removed.
 */
export async function clearCache(context: BuiltinContext): Promise<boolean> {
  const cachedir = context.config('cachedir')
  const store = get(context.config('outbox'), 'dir')
  const kept = [store, context.config('pki_dir'), context.config('sock_dir')].filter((path) => typeof path === 'string').map((path) => `${resolve(path)}/`)
  if (typeof store === 'string') kept.push(`${join(dirname(resolve(store)), 'returners')}/`)
  if (typeof cachedir !== 'string') return false
  const entries = await readdir(cachedir, { withFileTypes: true, recursive: true }).catch(() => [])
  for (const entry of entries) {
    const path = resolve(entry.parentPath, entry.name)
    if (entry.isDirectory() || kept.some((directory) => path.startsWith(directory))) continue
    try {
      await rm(path, { force: true })
    } catch (error) {
      context.log.error({ path, error: errorText(error) }, 'a file of the cache could not be removed')
      return false
    }
  }
  return true
}
