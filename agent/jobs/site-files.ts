/** The files of a site's directories that hold code. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '../log.ts'
import { errorCode, errorText } from '../modules/error-text.ts'
import { siteFileFault } from '../site-file.ts'

/** A file with code. `fault`: why it must not be run. */
export interface CodeFile {
  file: string
  /** `node`: .ts, .js or .mjs; `program`: anything else that may be executed. */
  kind: 'node' | 'program'
  fault?: string
}

/** Names that begin with a dot or an underscore are helpers. */
const codeName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/
const nodeEnding = /\.(?:ts|js|mjs)$/
/** Declarations and tests beside the code. */
const notCode = /\.(?:d|test|spec)\.(?:ts|js|mjs)$/

/** The code files of directories, in their order, sorted by name in each. A directory that is not there has none. */
export async function codeFiles(directories: readonly string[], log: Logger): Promise<CodeFile[]> {
  const found: CodeFile[] = []
  for (const directory of directories) {
    for (const name of (await namesIn(directory, log)).toSorted()) {
      const file = join(directory, name)
      const code = codeName.test(name) && !notCode.test(name) ? await codeFile(file) : undefined
      if (code !== undefined) found.push(code)
    }
  }
  return found
}

async function codeFile(file: string): Promise<CodeFile | undefined> {
  const stats = await stat(file).catch(() => undefined)
  const kind = nodeEnding.test(file) ? 'node' : 'program'
  if (stats?.isFile() !== true || (kind === 'program' && (stats.mode & 0o111) === 0)) return undefined
  const fault = siteFileFault(file)
  return fault === undefined ? { file, kind } : { file, kind, fault }
}

async function namesIn(directory: string, log: Logger): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') log.warn({ directory, error: errorText(error) }, 'a directory with code cannot be read')
    return []
  }
}
