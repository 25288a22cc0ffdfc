/** Hashes and encodings of texts and files (Salt: modules/hashutil.py). */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { isUtf8 } from 'node:buffer'
import { stat } from 'node:fs/promises'
import type { Value } from '../wire/value.ts'
import { CommandExecutionError, defineFunction, defineModule, InvocationError, param } from './contract.ts'
import type { AnyFunction } from './contract.ts'
import { filePath } from './file/paths.ts'
import { readBounded } from './file/read-bounded.ts'
import { rewriteFile } from './file/rewrite.ts'
import { hashNamed, hashOfFile } from './hashes.ts'
import type { BuiltinContext } from './services.ts'
import { withSystemWords } from './system-errors.ts'

/** What `hashutil.digest` takes; `file.get_hash` takes more. */
const digests = new Set(['md5', 'sha256', 'sha512'])
const base64LineBytes = 57
const githubHashes = ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512']

function digestNamed(name: string): NonNullable<ReturnType<typeof hashNamed>> {
  const hash = digests.has(name) ? hashNamed(name) : undefined
  if (hash === undefined) throw new CommandExecutionError(`Hash func '${name}' is not supported.`)
  return hash
}

/** Base64 in lines of 76 characters, each ended by a line break. */
function base64Lines(bytes: Buffer): string {
  const lines: string[] = []
  for (let at = 0; at < bytes.length; at += base64LineBytes) lines.push(`${bytes.subarray(at, at + base64LineBytes).toString('base64')}\n`)
  return lines.join('')
}

/** The bytes of a base64 text. As in Python, characters that do not belong there are passed over, but the padding must be right. */
function fromBase64(text: string): Buffer {
  const digits = text.replaceAll(/[^A-Za-z0-9+/=]/g, '')
  const body = /^[^=]*/.exec(digits)?.[0] ?? ''
  const padding = digits.slice(body.length)
  if (body.length % 4 === 1) {
    throw new InvocationError(`Invalid base64-encoded string: number of data characters (${body.length}) cannot be 1 more than a multiple of 4`)
  }
  if (body.length % 4 !== 0 && padding.length < 4 - (body.length % 4)) throw new InvocationError('Incorrect padding')
  return Buffer.from(body, 'base64')
}

/** Text when it is UTF-8, else bytes. */
function decoded(bytes: Buffer): Value {
  return isUtf8(bytes) ? bytes.toString('utf8') : Uint8Array.from(bytes)
}

function isSame(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)]
  return a.length === b.length && timingSafeEqual(a, b)
}

const text = { instr: param.text() }
const signed = { string: param.text(), shared_secret: param.text() }

function digestFunction(name: string, label: string): AnyFunction<BuiltinContext> {
  return defineFunction({
    doc: `Returns the ${label} hash of a text.`,
    args: text,
    run: (_context: BuiltinContext, { instr }) => digestNamed(name).update(instr).digest('hex'),
  })
}

const hashing: Record<string, AnyFunction<BuiltinContext>> = {
  digest: defineFunction({
    doc: 'Returns the hash of a text: md5, sha256 or sha512.',
    args: { ...text, checksum: param.text('md5') },
    run: (_context: BuiltinContext, { instr, checksum }) => digestNamed(checksum).update(instr).digest('hex'),
  }),
  digest_file: defineFunction({
    doc: 'Returns the hash of a file: md5, sha256 or sha512.',
    args: { infile: param.text(), checksum: param.text('md5') },
    async run(context: BuiltinContext, { infile, checksum }) {
      const path = filePath(context, infile)
      if ((await stat(path).catch(() => undefined))?.isFile() !== true) throw new CommandExecutionError(`File path '${infile}' not found.`)
      return withSystemWords(path, hashOfFile(path, digestNamed(checksum), context.signal))
    },
  }),
  md5_digest: digestFunction('md5', 'MD5'),
  sha256_digest: digestFunction('sha256', 'SHA-256'),
  sha512_digest: digestFunction('sha512', 'SHA-512'),
  hmac_signature: defineFunction({
    doc: 'Whether a base64 HMAC-SHA256 is that of a text and a shared secret.',
    args: { ...signed, challenge_hmac: param.text() },
    run: (_context: BuiltinContext, args) => isSame(createHmac('sha256', args.shared_secret).update(args.string).digest('base64'), args.challenge_hmac),
  }),
  hmac_compute: defineFunction({
    doc: 'Returns the HMAC-SHA256 of a text and a shared secret, in hexadecimal digits.',
    args: signed,
    run: (_context: BuiltinContext, args) => createHmac('sha256', args.shared_secret).update(args.string).digest('hex'),
  }),
  github_signature: defineFunction({
    doc: 'Whether a signature as GitHub sends it, sha256=DIGITS, is that of a text and a shared secret.',
    args: { ...signed, challenge_hmac: param.text() },
    run(_context: BuiltinContext, args) {
      const [, type = '', challenge = ''] = /^([a-z0-9]+)=([^=]*)$/.exec(args.challenge_hmac) ?? []
      if (!githubHashes.includes(type)) throw new InvocationError(`challenge_hmac must be HASH=DIGITS, with HASH one of ${githubHashes.join(', ')}`)
      return isSame(createHmac(type, args.shared_secret).update(args.string).digest('hex'), challenge)
    },
  }),
}

const encoding: Record<string, AnyFunction<BuiltinContext>> = {
  base64_b64encode: defineFunction({
    doc: 'Encodes a text as base64, in one line.',
    args: text,
    run: (_context: BuiltinContext, { instr }) => Buffer.from(instr).toString('base64'),
  }),
  base64_b64decode: defineFunction({
    doc: 'Decodes a base64 text. What is no UTF-8 stays bytes.',
    args: text,
    run: (_context: BuiltinContext, { instr }) => decoded(fromBase64(instr)),
  }),
  base64_encodestring: defineFunction({
    doc: 'Encodes a text as base64, in lines of 76 characters.',
    args: text,
    run: (_context: BuiltinContext, { instr }) => base64Lines(Buffer.from(instr)),
  }),
  base64_decodestring: defineFunction({
    doc: 'Decodes a base64 text, with or without line breaks. What is no UTF-8 stays bytes.',
    args: text,
    run: (_context: BuiltinContext, { instr }) => decoded(fromBase64(instr)),
  }),
  base64_encodefile: defineFunction({
    doc: 'Returns the content of a file as base64, in lines of 76 characters.',
    args: { fname: param.text() },
    async run(context: BuiltinContext, { fname }) {
      const path = filePath(context, fname)
      return base64Lines(await readBounded(path, Math.floor(context.agent.outputLimitBytes / 2)))
    },
  }),
  base64_decodefile: defineFunction({
    doc: 'Writes what a base64 text stands for into a file. Returns True.',
    args: { ...text, outfile: param.text() },
    async run(context: BuiltinContext, { instr, outfile }) {
      await rewriteFile(filePath(context, outfile), fromBase64(instr))
      return true
    },
  }),
}

export default defineModule<BuiltinContext>({ name: 'hashutil', functions: { ...hashing, ...encoding } })
