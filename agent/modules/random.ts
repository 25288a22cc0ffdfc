/** Random values, and the encodings that Salt keeps beside them (Salt: modules/mod_random.py). */
import { randomInt } from 'node:crypto'
import { isUtf8 } from 'node:buffer'
import { pythonStr } from '../matchers/python-text.ts'
import { get } from '../wire/value.ts'
import type { Value } from '../wire/value.ts'
import { CommandExecutionError, defineFunction, defineModule, InvocationError, param } from './contract.ts'
import { hashNamed } from './hashes.ts'
import { fromBits, seededRandom } from './random/python-random.ts'
import type { PythonRandom } from './random/python-random.ts'
import { saltAlphabet, shaCrypt } from './random/sha-crypt.ts'
import type { BuiltinContext } from './services.ts'

const characters = {
  lowercase: 'abcdefghijklmnopqrstuvwxyz',
  uppercase: 'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
  digits: '0123456789',
  punctuation: '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~',
  whitespace: ' \t\n\r\u000B\f',
} as const
/** Characters of one text; more would only fill memory. */
const longestText = 1024 * 1024
/** Bits that one number of the system's generator has. */
const systemBits = 47

/** The system's own randomness. */
const unpredictable: PythonRandom = fromBits((count) => {
  let value = 0
  for (let left = count; left > 0; left -= systemBits) {
    const width = Math.min(left, systemBits)
    value = value * 2 ** width + randomInt(2 ** width)
  }
  return value
})

function randomText(length: number, from: string): string {
  if (length > longestText) throw new InvocationError(`length must be at most ${longestText}`)
  const choices = Array.from(new Set(from))
  if (choices.length === 0) throw new CommandExecutionError('Cannot choose from an empty sequence')
  return Array.from({ length: Math.max(0, length) }, () => choices[randomInt(choices.length)] ?? '').join('')
}

function generator(seed: string | null): PythonRandom {
  return seed === null ? unpredictable : seededRandom(seed)
}

/** A seed as Python tells them apart: whole numbers, and texts. */
function pythonSeed(seed: Value): string | number | bigint {
  if (typeof seed === 'string' || typeof seed === 'bigint') return seed
  if (typeof seed === 'number' && Number.isInteger(seed)) return seed
  throw new InvocationError(`a seed must be a text or a whole number, not ${pythonStr(seed).slice(0, 100)}`)
}

/** `sample` and `shuffle` hash their seed before they use it. */
function hashedSeed(seed: Value): string | null {
  return seed === null ? null : digest(pythonStr(seed), 'sha512')
}

function digest(text: string, algorithm: string): string {
  const hash = hashNamed(algorithm)
  if (hash === undefined) throw new CommandExecutionError('You must specify a valid algorithm.')
  return hash.update(text).digest('hex')
}

/** A text in an encoding that JavaScript has too. As in Python, what the encoding cannot say is refused. */
function encodeText(value: string, encoder: string): Value {
  if (encoder === 'base64') return Buffer.from(value).toString('base64')
  const name = encoder.toLowerCase().replaceAll('_', '-')
  const limits: Readonly<Record<string, number>> = { ascii: 0x7f, 'us-ascii': 0x7f, 'latin-1': 0xff, 'iso-8859-1': 0xff, latin1: 0xff }
  const limit = limits[name]
  if (limit === undefined && name !== 'utf-8' && name !== 'utf8') throw new InvocationError('You must specify a valid encoder')
  if (limit !== undefined && Array.from(value).some((character) => (character.codePointAt(0) ?? 0) > limit)) {
    throw new InvocationError(`the value has characters that are not in ${encoder}`)
  }
  const bytes = Buffer.from(value, limit === undefined ? 'utf8' : 'latin1')
  return isUtf8(bytes) ? bytes.toString('utf8') : Uint8Array.from(bytes)
}

function shadowHash(salt: string | null, password: string | null, algorithm: string): string {
  if (algorithm !== 'sha512' && algorithm !== 'sha256') {
    throw new InvocationError(`Cannot hash using '${algorithm}' hash algorithm. Natively supported algorithms are: ['sha512', 'sha256'].`)
  }
  const every = characters.lowercase + characters.uppercase + characters.digits + characters.punctuation
  try {
    return shaCrypt(password ?? randomText(20, every), salt ?? randomText(16, saltAlphabet), algorithm)
  } catch (error) {
    if (error instanceof RangeError) throw new InvocationError(`crypt_salt: ${error.message}`)
    throw error
  }
}

const sized = { value: param.list(), size: param.integer(), seed: param.any(null) }

function sample(items: Value[], size: number, seed: Value): Value[] {
  if (size < 0 || size > items.length) throw new InvocationError('Sample larger than population or is negative')
  return generator(hashedSeed(seed)).sample(items, size)
}

export default defineModule<BuiltinContext>({
  name: 'random',
  functions: {
    hash: defineFunction({
      doc: 'Returns the hash of a text in hexadecimal digits: md5, sha1, sha256, sha512, sha3_256, blake2b …',
      args: { value: param.text(), algorithm: param.text('sha512') },
      run: (_context: BuiltinContext, { value, algorithm }) => digest(value, algorithm),
    }),
    str_encode: defineFunction({
      doc: 'Encodes a text: base64, or as utf-8, ascii or latin-1.',
      args: { value: param.text(), encoder: param.text('base64') },
      run: (_context: BuiltinContext, { value, encoder }) => encodeText(value, encoder),
    }),
    get_str: defineFunction({
      doc: 'Returns a random text of a length, good for a password. Which kinds of characters it may have can be said, or which characters.',
      args: {
        length: param.integer(20),
        chars: param.text(null),
        lowercase: param.boolean(true),
        uppercase: param.boolean(true),
        digits: param.boolean(true),
        punctuation: param.boolean(true),
        whitespace: param.boolean(false),
        printable: param.boolean(false),
      },
      run(_context: BuiltinContext, { length, chars, printable, ...kinds }) {
        if (printable) return randomText(length, Object.values(characters).join(''))
        if (chars !== null && chars !== '') return randomText(length, chars)
        const names = ['lowercase', 'uppercase', 'digits', 'punctuation', 'whitespace'] as const
        return randomText(length, names.filter((name) => kinds[name]).map((name) => characters[name]).join(''))
      },
    }),
    shadow_hash: defineFunction({
      doc: 'Returns the salted hash of a password as /etc/shadow has it, sha512 or sha256. Without a password or a salt, random ones are taken.',
      args: { crypt_salt: param.text(null), password: param.text(null), algorithm: param.text('sha512') },
      run: (_context: BuiltinContext, args) => shadowHash(args.crypt_salt, args.password, args.algorithm),
    }),
    rand_int: defineFunction({
      doc: 'Returns a random whole number between two, both included. The same seed gives the same number.',
      args: { start: param.integer(1), end: param.integer(10), seed: param.any(null) },
      run(_context: BuiltinContext, { start, end, seed }) {
        const width = end - start + 1
        if (width < 1 || !Number.isSafeInteger(width)) throw new InvocationError(`empty range for rand_int (${start}, ${end})`)
        return start + (seed === null ? unpredictable : seededRandom(pythonSeed(seed))).below(width)
      },
    }),
    seed: defineFunction({
      doc: "Returns a number below range that is always the same for the same text; without one, for this minion's id. It spreads work over minions.",
      args: { range: param.integer(10), hash: param.any(null) },
      run(context: BuiltinContext, { range, hash }) {
        if (range < 1) throw new InvocationError(`empty range for seed (${range})`)
        return seededRandom(pythonSeed(hash ?? get(context.grains, 'id') ?? context.minionId)).below(range)
      },
    }),
    sample: defineFunction({
      doc: 'Returns some items of a list in random order, none twice. The same seed gives the same items.',
      args: sized,
      run: (_context: BuiltinContext, { value, size, seed }) => sample(value, size, seed),
    }),
    shuffle: defineFunction({
      doc: 'Returns the items of a list in random order. The same seed gives the same order.',
      args: { value: sized.value, seed: sized.seed },
      run: (_context: BuiltinContext, { value, seed }) => sample(value, value.length, seed),
    }),
  },
})
