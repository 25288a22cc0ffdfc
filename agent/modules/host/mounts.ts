/** What is mounted, from /proc/self/mounts, and how much room there is. */
import { statfs } from 'node:fs/promises'
import { CommandExecutionError } from '../contract.ts'
import { errorText } from '../error-text.ts'
import type { BuiltinContext } from '../services.ts'
import { readLines, words } from './files.ts'
import { integer } from './numbers.ts'
import { runProgram } from './programs.ts'

/** One line of the table, in the kernel's words: blanks are `\040`. */
export interface Mount {
  device: string
  path: string
  type: string
  options: string[]
}

/** Sizes of a file system in bytes, and the shares of a user without privileges. */
export interface Space {
  blockBytes: number
  blocks: number
  free: number
  available: number
}

/** A dead server behind one of these holds whoever asks, for ever: a program is asked, that can be given up. */
const remote = /^(nfs|cifs|smb|9p|ceph|fuse|gluster|lustre|afs|ncp|coda|ocfs|gfs|beegfs|gpfs|virtiofs)/
const askMs = 10_000

/** The table of mounts, in its order: of two on one place the later one is seen. */
export async function mounts(): Promise<Mount[]> {
  return (await readLines('/proc/self/mounts')).flatMap((line) => {
    const [device, path, type, options] = words(line)
    return device === undefined || path === undefined || type === undefined ? [] : [{ device, path, type, options: (options ?? '').split(',') }]
  })
}

/** A word of the table as the path it stands for. */
export function unescapeMount(word: string): string {
  return word.replaceAll(/\\([0-7]{3})/g, (_whole, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}

/** The mount that a path belongs to; undefined in a place without a table. The path must be absolute and without links. */
export function mountOf(path: string, table: readonly Mount[]): Mount | undefined {
  const within = (place: string) => place === '/' || path === place || path.startsWith(`${place}/`)
  let found: Mount | undefined
  for (const mount of table) {
    const place = unescapeMount(mount.path)
    if (within(place) && place.length >= (found === undefined ? 0 : unescapeMount(found.path).length)) found = mount
  }
  return found
}

/**
 * The room on the file system of a path. `table`: what is mounted.
 *
 * @throws CommandExecutionError when it cannot be had, or not in time.
 */
export async function spaceOf(context: BuiltinContext, path: string, table: readonly Mount[]): Promise<Space> {
  if (remote.test(mountOf(path, table)?.type ?? '')) return askedSpace(context, path)
  try {
    const { bsize, blocks, bfree, bavail } = await statfs(path)
    return { blockBytes: bsize, blocks, free: bfree, available: bavail }
  } catch (error) {
    throw new CommandExecutionError(errorText(error), { cause: error })
  }
}

async function askedSpace(context: BuiltinContext, path: string): Promise<Space> {
  const options = { timeoutMs: askMs, ignoreRetcode: true }
  const { retcode, stdout, stderr } = await runProgram(context, 'stat', ['-f', '-c', '%S %b %f %a', '--', path], options)
  if (retcode !== 0) throw new CommandExecutionError(stderr)
  const [blockBytes = 0, blocks = 0, free = 0, available = 0] = words(stdout).map((word) => Number(integer(word)))
  return { blockBytes, blocks, free, available }
}
