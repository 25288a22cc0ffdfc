import { crc32 } from 'node:zlib'

/** A number above 2^32 for a value that JSON holds, the same for equal ones: so that it is no small version number. */
export function checksumOf(value: unknown): number {
  return 2 ** 32 + crc32(JSON.stringify(value))
}
