/** What the cache holds already (Salt: fileclient.py `is_cached`, `cache_dest`, `file_local_list`). */
import { copyFile, readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { environmentPath, externalFilePath, localFilePath, localFilesPath, masterFilePath } from './cache-layout.ts'
import { makeCacheDirectory } from './download.ts'
import { refuseSpecial } from './local-file.ts'
import { isSaltUrl, schemeOf, splitEnv } from './url.ts'

/** The path of a cached file; '' when it is not in the cache. Paths are looked for as those of the file server and of this host. */
export async function findCached(cachedir: string, url: string, saltenv: string): Promise<string> {
  const { path, saltenv: named } = splitEnv(url)
  const scheme = schemeOf(url)
  if (scheme !== '' && scheme !== 'salt') {
    const external = externalFilePath(cachedir, saltenv, url)
    return (await exists(external)) ? external : ''
  }
  const plain = path.replace(/^[|/]+/, '')
  const bar = path.startsWith('|') ? '|' : ''
  for (const candidate of [masterFilePath(cachedir, named ?? saltenv, plain), localFilePath(cachedir, plain)]) {
    if (await exists(candidate)) return `${bar}${candidate}`
  }
  return ''
}

/** Where a url would be cached; a path of this host stays where it is. */
export function cacheDestination(cachedir: string, url: string, saltenv: string): string {
  const { path, saltenv: named } = splitEnv(url)
  if (isSaltUrl(url)) return masterFilePath(cachedir, named ?? saltenv, path.replace(/^[|/]+/, ''))
  return schemeOf(url) === '' ? url : externalFilePath(cachedir, saltenv, url)
}

/** Copies a file of this host into the cache. */
export async function copyLocal(cachedir: string, path: string): Promise<string> {
  const copy = localFilePath(cachedir, path)
  await refuseSpecial(path)
  await makeCacheDirectory(dirname(copy))
  await copyFile(path, copy)
  return copy
}

/** All cached files of an environment and of this host, sorted. */
export async function listCachedFiles(cachedir: string, saltenv: string): Promise<string[]> {
  const found = await Promise.all([environmentPath(cachedir, saltenv), localFilesPath(cachedir)].map(filesUnder))
  return found.flat().toSorted()
}

async function filesUnder(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true }).catch(() => [])
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name))
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(() => true, () => false)
}
