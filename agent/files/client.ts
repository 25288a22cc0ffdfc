/**
 * The file client (Salt: fileclient.py): takes files from the master's file server, or the local one, into the cache and to where they
 * are wanted. Everything goes to disk part by part; what came is believed only with the right hash.
 */
import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { hashOfFile } from '../fileserver/hash.ts'
import { statList } from '../fileserver/roots.ts'
import { trimSlashes } from '../fileserver/slashes.ts'
import type { Logger } from '../log.ts'
import { CommandExecutionError } from '../modules/contract.ts'
import { externalFilePath, masterFilePath, relativePath } from './cache-layout.ts'
import { cacheDestination, copyLocal, findCached, listCachedFiles } from './cached.ts'
import { copyOut, download, moveIntoCache, makeCacheDirectory, temporaryFile } from './download.ts'
import { passes } from './filter.ts'
import { readBounded, refuseSpecial } from './local-file.ts'
import type { FetchOptions, FileClient } from './port.ts'
import { watchRoom } from './room.ts'
import { createServerRequests } from './server-requests.ts'
import type { Ask, FileHash, ServerRequests } from './server-requests.ts'
import { isSaltUrl, localPath, saltUrl, schemeOf, splitEnv, withoutCredentials } from './url.ts'
import { downloadUrl, readUrl } from './web.ts'

export interface FileClientSettings {
  minionId: string
  cachedir: string
  /** For hashes of this host's files. */
  hashType: string
  /** Bytes of one part of a pushed file. */
  bufferSize: number
  ask: Ask
  /** Bytes that downloads leave free on a disk; 64 MiB when absent. */
  leastFreeBytes?: number
  /** Everything under way ends with it. */
  signal: AbortSignal
  log: Logger
}

/** A client for one job. */
export function createFileClient(settings: FileClientSettings): FileClient {
  const { cachedir, hashType, signal, log } = settings
  const server = createServerRequests(settings.ask)
  const room = (directory: string) => watchRoom(directory, settings.leastFreeBytes)

  async function getFile(url: string, dest: string, options: FetchOptions): Promise<string | false> {
    const { path, saltenv } = saltPath(url, options.saltenv)
    const hash = await server.hash(path, saltenv)
    if (hash === undefined) return false
    const target = dest === '' ? masterFilePath(cachedir, saltenv, path.replace(/^\|+/, '')) : await destination(dest, basename(path))
    await refuseSpecial(target)
    if (await hasHash(target, hash)) return target
    if (dest !== '' && !(await hasDirectory(target, options.makedirs === true))) return false
    const temporary = await download(server, cachedir, { path, saltenv, gzip: options.gzip, hash, signal, room })
    await (dest === '' ? moveIntoCache(temporary, target) : copyOut(temporary, target))
    log.debug({ path, saltenv, target }, 'a file was fetched')
    return target
  }

  async function getUrl(url: string, dest: string, options: FetchOptions): Promise<string | false> {
    const scheme = schemeOf(url)
    if (scheme === 'salt') return getFile(url, dest, options)
    if (scheme === '' || scheme === 'file') return absolute(localPath(url))
    refuseScheme(scheme, url)
    const target = dest === '' ? externalFilePath(cachedir, options.saltenv, url) : await destination(dest, nameOf(url))
    if (dest === '') {
      if (options.sourceHash !== undefined && (await hasSourceHash(target, options.sourceHash))) return target
      await makeCacheDirectory(dirname(target))
    } else if (!(await hasDirectory(target, options.makedirs === true))) {
      return ''
    }
    log.debug({ url: withoutCredentials(url), target }, 'a url is downloaded')
    // What was not finished in the cache is swept with other downloads; elsewhere only the same directory is surely on the same disk.
    const temporary = dest === '' ? await temporaryFile(cachedir) : `${target}.${randomUUID()}.part`
    const to = { file: target, temporary, room: room(dirname(temporary)) }
    await downloadUrl(url, to, { verifySsl: options.verifySsl !== false, useEtag: options.useEtag === true, signal })
    return target
  }

  async function list(saltenv: string, path: string): Promise<string[]> {
    const prefix = path === '' ? '' : `${path}/`
    return (await server.list('files', saltenv, path)).filter((name) => name.startsWith(prefix))
  }

  return {
    getFile,
    getUrl,
    cacheFile: (url, options) => getUrl(url, '', { ...options, makedirs: true }),
    async getDir(url, dest, options) {
      const { path, saltenv } = saltPath(trimSlashes(url), options.saltenv)
      const above = path.includes('/') ? path.slice(0, path.lastIndexOf('/') + 1) : ''
      const placeOf = (name: string) => join(absolute(dest), relativePath(name.slice(above.length)))
      const written: (string | false)[] = []
      for (const name of await list(saltenv, path)) written.push(await getFile(saltUrl(name), placeOf(name), { ...options, saltenv, makedirs: true }))
      for (const name of await server.list('emptyDirs', saltenv, path)) {
        if (!name.startsWith(`${path}/`)) continue
        await mkdir(placeOf(name), { recursive: true })
        written.push(placeOf(name))
      }
      return written.filter((one) => one !== false).toSorted()
    },
    async read(url, limitBytes, options) {
      const scheme = schemeOf(url)
      if (scheme !== '' && scheme !== 'file' && scheme !== 'salt') {
        refuseScheme(scheme, url)
        return readUrl(url, limitBytes, { verifySsl: options.verifySsl !== false, signal })
      }
      const path = await getUrl(url, '', options)
      return path === false ? false : readBounded(path, limitBytes)
    },
    async cacheDir(url, options) {
      const { path, saltenv } = saltPath(trimSlashes(url), options.saltenv)
      const cached: string[] = []
      for (const name of await list(saltenv, path)) {
        const file = passes(name, options) ? await getFile(saltUrl(name), '', { ...options, saltenv }) : false
        if (file !== false) cached.push(file)
      }
      if (options.includeEmpty !== true) return cached
      for (const name of await server.list('emptyDirs', saltenv, path)) {
        if (!name.startsWith(`${path}/`)) continue
        await makeCacheDirectory(masterFilePath(cachedir, saltenv, name))
        cached.push(masterFilePath(cachedir, saltenv, name))
      }
      return cached
    },
    async cacheMaster(saltenv) {
      const cached: (string | false)[] = []
      for (const name of await server.list('files', saltenv, '')) cached.push(await getFile(saltUrl(name), '', { saltenv }))
      return cached
    },
    cacheLocalFile: (path) => copyLocal(cachedir, absolute(path)),
    isCached: (url, saltenv) => findCached(cachedir, url, saltenv),
    cacheDest: (url, saltenv) => cacheDestination(cachedir, url, saltenv),
    list: (form, saltenv, prefix = '') => server.list(form, saltenv, prefix),
    links: (saltenv, prefix = '') => server.links(saltenv, prefix),
    envs: () => server.envs(),
    listCached: (saltenv) => listCachedFiles(cachedir, saltenv),
    async hashFile(url, saltenv) {
      if (!isSaltUrl(url)) return (await isFile(url)) ? { hsum: await hashOfFile(url, hashType), hash_type: hashType } : {}
      const { path, saltenv: env } = saltPath(url, saltenv)
      const hash = await server.hash(path, env)
      return hash === undefined ? '' : { hash_type: hash.type, hsum: hash.sum }
    },
    async statFile(url, saltenv) {
      if (!isSaltUrl(url)) return (await isFile(url)) ? statList(await stat(url, { bigint: true })) : null
      const { path, saltenv: env } = saltPath(url, saltenv)
      return server.stat(path, env)
    },
    push: (file, path) => push(settings, server, file, path),
  }
}

/** Sends a file part by part; an empty one is one part, too. */
async function push({ minionId, bufferSize, signal }: FileClientSettings, server: ServerRequests, file: string, path: string[]): Promise<boolean> {
  const { size } = await stat(file)
  const send = (loc: number, data: Uint8Array) => server.receive({ id: minionId, path, size, loc, data })
  let position = 0
  for await (const chunk of createReadStream(file, { highWaterMark: bufferSize, signal }) as AsyncIterable<Buffer>) {
    if (!(await send(position, chunk))) return false
    position += chunk.length
  }
  return position > 0 || send(0, new Uint8Array())
}

/** The path and environment of a `salt://` url. */
function saltPath(url: string, saltenv: string): { path: string; saltenv: string } {
  if (!isSaltUrl(url)) throw new CommandExecutionError(`Unsupported path: ${url}`)
  const { path, saltenv: named } = splitEnv(url)
  return { path, saltenv: named ?? saltenv }
}

function refuseScheme(scheme: string, url: string): void {
  if (scheme === 'http' || scheme === 'https') return
  throw new CommandExecutionError(`${withoutCredentials(url)} cannot be fetched: this minion knows salt://, http://, https:// and file://, not ${scheme}://`)
}

function absolute(path: string): string {
  if (!isAbsolute(path) || path.includes('\0')) throw new CommandExecutionError(`Path '${path}' is not absolute`)
  return path
}

/** A destination that is a directory, or ends like one, keeps the file's name. */
async function destination(dest: string, name: string): Promise<string> {
  const directory = dest.endsWith('/') || ((await stat(absolute(dest)).catch(() => undefined))?.isDirectory() ?? false)
  return directory ? join(absolute(dest), name) : dest
}

function nameOf(url: string): string {
  const path = url.replace(/^[^:]+:\/\/[^/?#]*/, '')
  return path.length > 1 && !path.endsWith('/') ? basename(path) : 'index.html'
}

async function hasDirectory(file: string, make: boolean): Promise<boolean> {
  const directory = dirname(absolute(file))
  if ((await stat(directory).catch(() => undefined))?.isDirectory() === true) return true
  if (make) await mkdir(directory, { recursive: true })
  return make
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true
}

async function hasHash(path: string, hash: FileHash): Promise<boolean> {
  return (await isFile(path)) && (await hashOfFile(path, hash.type)) === hash.sum
}

const hashLengths: Readonly<Record<number, string>> = { 32: 'md5', 40: 'sha1', 56: 'sha224', 64: 'sha256', 96: 'sha384', 128: 'sha512' }

/** `sha256=HEX` or the digits alone: their number says which hash it is. */
async function hasSourceHash(path: string, given: string): Promise<boolean> {
  const sum = given.split('=').at(-1) ?? ''
  const type = hashLengths[sum.length]
  return type !== undefined && hasHash(path, { type, sum: sum.toLowerCase() })
}
