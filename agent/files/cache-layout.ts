/**
 * Where files lie in the cache, as Salt lays them out: `files/<env>/<path>` from the master, `extrn_files/<env>/<host>/<path>` from
 * elsewhere, `localfiles/<path>` from this host.
 */
import { createHash } from 'node:crypto'
import { join, normalize } from 'node:path'
import { CommandExecutionError } from '../modules/contract.ts'

const maxNameLength = 255

/**
 * Where a file of the file server lies.
 *
 * @throws CommandExecutionError for an environment or a path that would leave the cache
 */
export function masterFilePath(cachedir: string, saltenv: string, path: string): string {
  return join(environmentPath(cachedir, saltenv), relativePath(path))
}

/** The directory of an environment's files. Throws as `masterFilePath`. */
export function environmentPath(cachedir: string, saltenv: string): string {
  return join(cachedir, 'files', environment(saltenv))
}

/** The directory of copies of this host's files. */
export function localFilesPath(cachedir: string): string {
  return join(cachedir, 'localfiles')
}

/** Where a copy of a file of this host lies. Throws as `masterFilePath`. */
export function localFilePath(cachedir: string, path: string): string {
  return join(localFilesPath(cachedir), relativePath(path.replace(/^[|/]+/, '')))
}

/** Where what another url gave lies. Throws as `masterFilePath`. */
export function externalFilePath(cachedir: string, saltenv: string, url: string): string {
  const parts = /^[^:/]+:\/\/(?:[^/@]*@)?([^/?#]*)([^?#]*)(?:\?([^#]*))?/.exec(url)
  const host = (parts?.[1] ?? '').replaceAll(':', '')
  const path = parts?.[2] ?? ''
  const name = parts?.[3] === undefined ? path : `${path}-${parts[3]}`
  const whole = Buffer.byteLength(name) > maxNameLength ? createHash('sha256').update(name).digest('hex') : name.replace(/^\/+/, '')
  return join(cachedir, 'extrn_files', environment(saltenv), relativePath(`${host}/${whole}`))
}

/**
 * A path under a directory, checked: it may come from the network.
 *
 * @throws CommandExecutionError for one that is absolute, climbs, or holds a NUL
 */
export function relativePath(path: string): string {
  const normal = normalize(path)
  if (path.includes('\0') || normal.startsWith('/') || normal.split('/').includes('..')) {
    throw new CommandExecutionError(`the path ${JSON.stringify(path.slice(0, 200))} does not stay under its directory`)
  }
  return normal
}

function environment(saltenv: string): string {
  if (saltenv === '' || saltenv.startsWith('.') || /[/\\\0]/.test(saltenv)) {
    throw new CommandExecutionError(`${JSON.stringify(saltenv.slice(0, 100))} is not the name of an environment`)
  }
  return saltenv
}
