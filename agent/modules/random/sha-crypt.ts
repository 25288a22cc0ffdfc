/** Hashes of passwords as /etc/shadow has them: SHA-crypt of glibc, `$5$` and `$6$`. */
import { createHash } from 'node:crypto'

export type ShaCryptAlgorithm = 'sha256' | 'sha512'

interface Scheme {
  prefix: string
  bytes: number
  /** The order in which the bytes of the digest are written, three by three. */
  order: readonly (readonly [number, number, number])[]
}

const alphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const usualRounds = 5000
const fewestRounds = 1000
/** Of glibc's 999,999,999: more would keep the agent busy for seconds. */
export const mostRounds = 200_000
const saltLength = 16

/** Triples (a, b, c) that begin at 0, where each following one is the former plus one, turned by one place. */
function turning(length: number, distance: number, turn: 'left' | 'right'): [number, number, number][] {
  const triples: [number, number, number][] = []
  let current: [number, number, number] = [0, distance, distance * 2]
  for (let at = 0; at < length; at++) {
    triples.push(current)
    const [a, b, c] = current
    current = turn === 'left' ? [b + 1, c + 1, a + 1] : [c + 1, a + 1, b + 1]
  }
  return triples
}

const schemes: Readonly<Record<ShaCryptAlgorithm, Scheme>> = {
  sha256: { prefix: '$5$', bytes: 32, order: turning(10, 10, 'right') },
  sha512: { prefix: '$6$', bytes: 64, order: turning(21, 21, 'left') },
}

/** Characters that a salt may have. */
export const saltAlphabet = alphabet

/**
 * The hash of a password. `salt` may begin with `rounds=N$`; of the rest 16 characters count.
 *
 * @throws RangeError for a salt with other characters than `./0-9A-Za-z`, and for too many rounds
 */
export function shaCrypt(password: string, salt: string, algorithm: ShaCryptAlgorithm): string {
  const scheme = schemes[algorithm]
  const [, given, text = ''] = /^(?:rounds=(\d+)\$)?([^]*)$/.exec(salt) ?? []
  const rounds = given === undefined ? usualRounds : Math.max(fewestRounds, Number(given))
  if (rounds > mostRounds) throw new RangeError(`at most ${mostRounds} rounds`)
  const used = text.slice(0, saltLength)
  if (!/^[./0-9A-Za-z]*$/.test(used)) throw new RangeError('a salt may only have the characters ./0-9A-Za-z')
  const digest = stretched(Buffer.from(password), Buffer.from(used), rounds, algorithm)
  return `${scheme.prefix}${given === undefined ? '' : `rounds=${rounds}$`}${used}$${written(digest, scheme)}`
}

function stretched(password: Buffer, salt: Buffer, rounds: number, algorithm: ShaCryptAlgorithm): Buffer {
  const hash = (...parts: Uint8Array[]) => createHash(algorithm).update(Buffer.concat(parts)).digest()
  const { bytes } = schemes[algorithm]
  const other = hash(password, salt, password)
  const parts = [password, salt, filled(other, password.length)]
  for (let bits = password.length; bits > 0; bits >>= 1) parts.push((bits & 1) === 1 ? other : password)
  let digest: Buffer = hash(...parts)
  const key = filled(hash(...Array.from({ length: password.length }, () => password)), password.length)
  const pepper = filled(hash(...Array.from({ length: 16 + (digest[0] ?? 0) }, () => salt)), salt.length)
  for (let round = 0; round < rounds; round++) {
    const odd = (round & 1) === 1
    const middle = [...(round % 3 === 0 ? [] : [pepper]), ...(round % 7 === 0 ? [] : [key])]
    digest = hash(odd ? key : digest, ...middle, odd ? digest : key)
  }
  return digest.subarray(0, bytes)
}

/** So many bytes of a digest, repeated. */
function filled(digest: Buffer, length: number): Buffer {
  return length === 0 ? Buffer.alloc(0) : Buffer.alloc(length, digest)
}

function written(digest: Buffer, { order, bytes }: Scheme): string {
  const at = (index: number): number => digest[index] ?? 0
  const text = order.map(([a, b, c]) => digits((at(a) << 16) | (at(b) << 8) | at(c), 4)).join('')
  return text + (bytes === 32 ? digits((at(31) << 8) | at(30), 3) : digits(at(63), 2))
}

function digits(value: number, count: number): string {
  return Array.from({ length: count }, (_, at) => alphabet[(value >>> (6 * at)) & 0x3f] ?? '').join('')
}
