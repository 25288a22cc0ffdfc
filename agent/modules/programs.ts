import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Whether a path is a file that may be executed. */
export async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}

/** Whether a path is a directory. */
export async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch {
    return false
  }
}

/** The path of a program: itself when it has a slash (relative ones from `cwd`), else the first in PATH. Undefined when there is none. */
export async function findProgram(name: string, path: string | undefined, cwd = '/'): Promise<string | undefined> {
  if (name.includes('/')) {
    const full = isAbsolute(name) ? name : join(cwd, name)
    return (await isExecutable(full)) ? full : undefined
  }
  for (const directory of (path ?? defaultPath).split(':')) {
    const full = join(directory === '' ? cwd : directory, name)
    if (name !== '' && (await isExecutable(full))) return full
  }
  return undefined
}
