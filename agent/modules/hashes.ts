import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'

/** The names of Python's hashlib → those of OpenSSL. */
const algorithms: Readonly<Record<string, string>> = {
  md5: 'md5', sha1: 'sha1', sha224: 'sha224', sha256: 'sha256', sha384: 'sha384', sha512: 'sha512',
  sha3_224: 'sha3-224', sha3_256: 'sha3-256', sha3_384: 'sha3-384', sha3_512: 'sha3-512',
  blake2b: 'blake2b512', blake2s: 'blake2s256',
}

/** A hash by Python's name for it; undefined when there is none of that name. */
export function hashNamed(name: string): Hash | undefined {
  const known = Object.hasOwn(algorithms, name) ? algorithms[name] : undefined
  return known === undefined ? undefined : createHash(known)
}

/** The hash of a file in hexadecimal digits, read piece by piece. Rejects with the file system's error. */
export async function hashOfFile(path: string, hash: Hash, signal?: AbortSignal): Promise<string> {
  for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024, ...(signal !== undefined && { signal }) })) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
