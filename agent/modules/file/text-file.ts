/** Files as texts that are edited: read whole, within a limit, and written back byte for byte where nothing was changed. */
import { isUtf8 } from 'node:buffer'
import { stat } from 'node:fs/promises'
import { InvocationError } from '../contract.ts'
import { readBounded } from './read-bounded.ts'

/** Bytes of a file that is edited or searched as a whole. */
export const editLimitBytes = 16 * 1024 * 1024
const probeBytes = 512

/** A file's text. One that is no UTF-8 is taken byte by byte, and so are texts that are compared with it. */
export interface TextFile {
  text: string
  /** A text as it would stand in this file. */
  toFile(text: string): string
  encode(text: string): Buffer
}

/**
 * Reads a text file.
 *
 * @throws InvocationError in Salt's words when it is not there or is binary; CommandExecutionError when it cannot be read or is too large
 */
export async function readTextFile(path: string): Promise<TextFile> {
  if ((await stat(path).catch(() => undefined)) === undefined) throw new InvocationError(`File not found: ${path}`)
  const bytes = await readBounded(path, editLimitBytes)
  if (!isText(bytes)) throw new InvocationError(`Cannot perform string replacements on a binary file: ${path}`)
  return textFile(bytes)
}

/** Bytes as the text of a file. */
export function textFile(bytes: Buffer): TextFile {
  if (isUtf8(bytes)) return { text: bytes.toString('utf8'), toFile: (text) => text, encode: (text) => Buffer.from(text) }
  return { text: bytes.toString('latin1'), toFile: (text) => Buffer.from(text).toString('latin1'), encode: (text) => Buffer.from(text, 'latin1') }
}

/** Whether bytes look like text: UTF-8, or hardly any control characters at the beginning; never with a NUL byte. */
export function isText(bytes: Buffer): boolean {
  const probe = bytes.subarray(0, probeBytes)
  if (probe.includes(0)) return false
  // The probe may end within a character.
  if (isUtf8(bytes) || isUtf8(probe)) return true
  const odd = probe.filter((byte) => !((byte >= 0x20 && byte < 0x7f) || [0x0a, 0x0d, 0x09, 0x0c, 0x08].includes(byte)))
  return odd.length / probe.length <= 0.3
}
