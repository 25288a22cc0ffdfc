import { getSystemErrorMap } from 'node:util'
import { pythonRepr } from '../matchers/python-text.ts'
import { CommandExecutionError } from './contract.ts'
import { errorCode, errorText } from './error-text.ts'

/** The C library's words where Node's differ by more than the first letter. */
const words: Readonly<Record<string, string>> = {
  EEXIST: 'File exists',
  EISDIR: 'Is a directory',
  EPERM: 'Operation not permitted',
  EROFS: 'Read-only file system',
  EXDEV: 'Invalid cross-device link',
  ELOOP: 'Too many levels of symbolic links',
  ENAMETOOLONG: 'File name too long',
  EBUSY: 'Device or resource busy',
  ENOTEMPTY: 'Directory not empty',
  ENOSPC: 'No space left on device',
}

/** The system's words for an error, as Python's `strerror` has them; the error's own text when it is none of the system. */
export function systemErrorWords(error: unknown): string {
  const code = errorCode(error)
  const known = errnoOf(error)
  if (code === undefined || known === undefined) return errorText(error)
  return words[code] ?? known.text.charAt(0).toUpperCase() + known.text.slice(1)
}

/** An error of the file system as Python prints it: `[Errno 2] No such file or directory: '/x'`. */
export function systemErrorText(error: unknown, path?: string): string {
  const known = errnoOf(error)
  if (known === undefined) return errorText(error)
  return `[Errno ${known.number}] ${systemErrorWords(error)}${path === undefined ? '' : `: ${pythonRepr(path)}`}`
}

/** Waits for what the file system does, and gives its refusal as a CommandExecutionError in Python's words. */
export async function withSystemWords<Type>(path: string, work: Promise<Type>): Promise<Type> {
  try {
    return await work
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    throw new CommandExecutionError(systemErrorText(error, path), { cause: error })
  }
}

function errnoOf(error: unknown): { number: number; text: string } | undefined {
  if (!(error instanceof Error) || !('errno' in error) || typeof error.errno !== 'number') return undefined
  const [, text = ''] = getSystemErrorMap().get(error.errno) ?? []
  return text === '' ? undefined : { number: -error.errno, text }
}
