/**
 * Salt's file server: the requests about files that a master answers (fileserver/__init__.py), over the directories of `file_roots`.
 * A minion with `file_client: local` asks the same thing in its own process.
 */
import { open } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { get } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import { createHashes } from './hash.ts'
import { createListings } from './listing.ts'
import { findFile, statList } from './roots.ts'
import type { FoundFile } from './roots.ts'
import type { FileServerSettings } from './settings.ts'
import { trimSlashes } from './slashes.ts'

/** Answers a request by its `cmd`; undefined for one that is not about files. Values and failures are Salt's. */
export type FileServer = (load: ValueObject) => Promise<Value | undefined>

const compress = promisify(gzip)
const notFound = { path: '', rel: '' }
const nothingServed = { data: '', dest: '' }

/** A file server. Nothing is read before the first request. */
export function createFileServer(settings: FileServerSettings): FileServer {
  const hash = createHashes(settings.hashType)
  const list = createListings(settings)

  function find(load: ValueObject): Promise<FoundFile | undefined> {
    const path = textOf(get(load, 'path'))
    return path === undefined ? Promise.resolve(undefined) : findFile(settings, path, envOf(load) ?? 'base')
  }

  async function hashAndStat(load: ValueObject): Promise<[Value, Value]> {
    const found = envOf(load) === undefined ? undefined : await find(load)
    if (found === undefined) return ['', null]
    return [{ hash_type: settings.hashType, hsum: await hash(found) }, statList(found.stats)]
  }

  async function listed(load: ValueObject, form: 'files' | 'dirs' | 'emptyDirs'): Promise<Value> {
    const saltenv = envOf(load)
    if (saltenv === undefined) return []
    const prefix = prefixOf(load)
    return (await list(saltenv))[form].filter((name) => name.startsWith(prefix))
  }

  async function links(load: ValueObject): Promise<Value> {
    const saltenv = envOf(load)
    const found = Object.create(null) as ValueObject
    if (saltenv === undefined) return found
    const prefix = prefixOf(load)
    for (const [name, target] of (await list(saltenv)).links) if (name.startsWith(prefix)) found[name] = target
    return found
  }

  async function serve(load: ValueObject): Promise<Value> {
    const position = get(load, 'loc')
    const found = typeof position === 'number' && position >= 0 && envOf(load) !== undefined ? await find(load) : undefined
    if (found === undefined || typeof position !== 'number') return nothingServed
    const data = await readPart(found.path, position, settings.bufferSize)
    const level = compressionOf(get(load, 'gzip'))
    if (level === undefined || data.length === 0) return { data, dest: found.relative }
    return { data: await compress(data, { level }), dest: found.relative, gzip: level }
  }

  return async (load) => {
    switch (textOf(get(load, 'cmd')) ?? '') {
      case '_serve_file':
        return serve(load)
      case '_file_find': {
        const found = await find(load)
        return found === undefined ? notFound : { path: found.path, rel: found.relative, stat: statList(found.stats), back: 'roots' }
      }
      case '_file_hash':
        return (await hashAndStat(load))[0]
      case '_file_hash_and_stat':
        return hashAndStat(load)
      case '_file_list':
        return listed(load, 'files')
      case '_file_list_emptydirs':
        return listed(load, 'emptyDirs')
      case '_dir_list':
        return listed(load, 'dirs')
      case '_symlink_list':
        return links(load)
      case '_file_envs':
        return get(load, 'sources') === true ? { roots: envsOf(settings) } : envsOf(settings)
      default:
        return undefined
    }
  }
}

function envsOf(settings: FileServerSettings): string[] {
  return Object.keys(settings.roots).toSorted()
}

async function readPart(path: string, position: number, length: number): Promise<Buffer> {
  const file = await open(path, 'r')
  try {
    const buffer = Buffer.allocUnsafe(length)
    const { bytesRead } = await file.read(buffer, 0, length, position)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

function compressionOf(given: Value | undefined): number | undefined {
  const level = Number(given ?? 0)
  return Number.isInteger(level) && level >= 1 && level <= 9 ? level : undefined
}

/** The environment asked for; a name that YAML read as a number is one too. */
function envOf(load: ValueObject): string | undefined {
  const saltenv = get(load, 'saltenv')
  return typeof saltenv === 'string' || typeof saltenv === 'number' ? String(saltenv) : undefined
}

function prefixOf(load: ValueObject): string {
  return trimSlashes(textOf(get(load, 'prefix')) ?? '', { start: true })
}

function textOf(value: Value | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}
