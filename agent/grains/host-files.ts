import { access, readdir, readFile, readlink, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** The host's files, below a root that is `/`, or a recorded host in tests. What is not there or may not be read is undefined or empty. */
export interface HostFiles {
  /** Bytes that are no UTF-8 become the replacement character. */
  text(path: string): Promise<string | undefined>
  bytes(path: string): Promise<Buffer | undefined>
  /** Names in a directory, sorted. */
  names(path: string): Promise<string[]>
  /** Where a symbolic link points to. */
  link(path: string): Promise<string | undefined>
  exists(path: string): Promise<boolean>
  /** Device and inode: the same for the same directory. */
  identity(path: string): Promise<string | undefined>
  /** The path of a program that is in PATH, without the root. */
  program(name: string): Promise<string | undefined>
}

/** The files below `root`. `path`: the environment's PATH. */
export function hostFiles(root: string, path: string): HostFiles {
  const at = (name: string) => join(root, name)
  const orUndefined = <T>(work: Promise<T>): Promise<T | undefined> => work.catch(() => undefined)
  const exists = async (name: string) => (await orUndefined(access(at(name)).then(() => true))) ?? false
  return {
    text: (name) => orUndefined(readFile(at(name), 'utf8')),
    bytes: (name) => orUndefined(readFile(at(name))),
    names: async (name) => ((await orUndefined(readdir(at(name)))) ?? []).toSorted(),
    link: (name) => orUndefined(readlink(at(name))),
    exists,
    identity: (name) => orUndefined(stat(at(name)).then(({ dev, ino }) => `${dev}:${ino}`)),
    async program(name) {
      for (const directory of path.split(':')) {
        if (directory.startsWith('/') && (await exists(join(directory, name)))) return join(directory, name)
      }
      return undefined
    },
  }
}
