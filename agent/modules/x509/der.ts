/**
 * A strict reader of DER (X.690), for what Node does not tell of a certificate. Nothing is read further than it is asked for, so a
 * nested element costs nothing, and each step moves forward by two bytes at least: any input ends, with its elements or with a DerError.
 */

/** Bytes that are no DER, or not of the form that was expected. */
export class DerError extends Error {
  override name = 'DerError'
}

/** One element: its tag (class, form and number in one byte), what it holds, and all of its bytes. */
export interface DerElement {
  readonly tag: number
  readonly content: Buffer
  readonly whole: Buffer
}

export const DER = {
  boolean: 0x01, integer: 0x02, bits: 0x03, bytes: 0x04, oid: 0x06, enumerated: 0x0a, utcTime: 0x17, time: 0x18, sequence: 0x30, set: 0x31,
} as const

/** Longest object identifier that is read (bytes). A UUID as an arc takes 20. */
const longestOid = 64
/** Longest number that is read (bytes). Serial numbers take 20, keys are not read here. */
const longestInteger = 1024

/** The tag of `[number]`, constructed unless said otherwise. */
export function contextTag(number: number, constructed = true): number {
  return 0x80 | (constructed ? 0x20 : 0) | number
}

/** The only element of some bytes. @throws DerError also when something follows it */
export function readDer(bytes: Buffer): DerElement {
  const element = elementAt(bytes, 0)
  if (element.whole.length !== bytes.length) throw new DerError('something follows the end')
  return element
}

/** What an element is made of. @throws DerError */
export function childrenOf(element: DerElement): DerElement[] {
  if ((element.tag & 0x20) === 0) throw new DerError('a value where several were expected')
  const found: DerElement[] = []
  for (let at = 0; at < element.content.length; ) {
    const child = elementAt(element.content, at)
    found.push(child)
    at += child.whole.length
  }
  return found
}

function elementAt(bytes: Buffer, at: number): DerElement {
  const [tag, first] = [bytes[at], bytes[at + 1]]
  if (tag === undefined || first === undefined) throw new DerError('cut off')
  if ((tag & 0x1f) === 0x1f) throw new DerError('a tag of several bytes')
  const { length, size } = first < 0x80 ? { length: first, size: 0 } : longLength(bytes, at + 2, first & 0x7f)
  const from = at + 2 + size
  if (from + length > bytes.length) throw new DerError('cut off')
  return { tag, content: bytes.subarray(from, from + length), whole: bytes.subarray(at, from + length) }
}

function longLength(bytes: Buffer, at: number, size: number): { length: number; size: number } {
  if (size === 0 || size > 4) throw new DerError('a length without an end, or of more than four bytes')
  if (at + size > bytes.length) throw new DerError('cut off')
  const length = bytes.readUIntBE(at, size)
  if (length < 0x80 || bytes[at] === 0) throw new DerError('a length that is longer than it need be')
  return { length, size }
}

/** Goes through the parts of an element in their order. */
export class DerParts {
  #left: DerElement[]

  /** @throws DerError when it has no parts, or another tag */
  constructor(element: DerElement, tag: number = DER.sequence) {
    if (element.tag !== tag) throw new DerError(`tag ${element.tag} where ${tag} was expected`)
    this.#left = childrenOf(element)
  }

  /** The next part if it has one of the tags. */
  optional(...tags: number[]): DerElement | undefined {
    const [next] = this.#left
    if (next === undefined || !tags.includes(next.tag)) return undefined
    this.#left = this.#left.slice(1)
    return next
  }

  /** The next part. @throws DerError unless it has one of the tags */
  take(...tags: number[]): DerElement {
    const found = this.optional(...tags)
    if (found === undefined) throw new DerError(`tag ${this.#left[0]?.tag ?? 'none'} where ${tags.join(' or ')} was expected`)
    return found
  }

  /** The next part, whatever it is. @throws DerError when there is none */
  any(): DerElement {
    return this.take(...this.#left.slice(0, 1).map(({ tag }) => tag))
  }

  /** All that is left. */
  rest(): DerElement[] {
    return this.#left
  }
}

/** A whole number, however large. @throws DerError */
export function integerOf({ content }: DerElement): bigint {
  const [first, second = 0] = content
  if (first === undefined || content.length > longestInteger) throw new DerError('a number without digits, or with too many')
  if (content.length > 1 && (first === 0 ? second < 0x80 : first === 0xff && second >= 0x80)) throw new DerError('a number that is longer than it need be')
  return BigInt.asIntN(content.length * 8, BigInt(`0x${content.toString('hex')}`))
}

/** A whole number that JavaScript can count with. @throws DerError */
export function smallIntegerOf(element: DerElement): number {
  const value = Number(integerOf(element))
  if (!Number.isSafeInteger(value)) throw new DerError('a number that is too large')
  return value
}

/** @throws DerError */
export function booleanOf({ content }: DerElement): boolean {
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) throw new DerError('neither true nor false')
  return content[0] === 0xff
}

/** Whether each bit is set, the first one first. @throws DerError */
export function bitsOf({ content }: DerElement): boolean[] {
  const unused = content[0]
  if (unused === undefined || unused > 7 || (content.length === 1 && unused > 0)) throw new DerError('no bits')
  const bits = [...content.subarray(1, 5)].flatMap((byte) => [7, 6, 5, 4, 3, 2, 1, 0].map((bit) => ((byte >> bit) & 1) === 1))
  return content.length > 5 ? bits : bits.slice(0, bits.length - unused)
}

/** An object identifier with dots. @throws DerError */
export function oidOf({ content }: DerElement): string {
  if (content.length === 0 || content.length > longestOid || (content.at(-1) ?? 0) >= 0x80) throw new DerError('no object identifier')
  const arcs: bigint[] = []
  let arc: bigint | undefined
  for (const byte of content) {
    if (arc === undefined && byte === 0x80) throw new DerError('an object identifier that is longer than it need be')
    arc = ((arc ?? 0n) << 7n) | BigInt(byte & 0x7f)
    if (byte < 0x80) {
      arcs.push(arc)
      arc = undefined
    }
  }
  const [first = 0n, ...rest] = arcs
  const root = first < 40n ? 0n : first < 80n ? 1n : 2n
  return [root, first - root * 40n, ...rest].join('.')
}

/** A point in time. @throws DerError */
export function timeOf({ tag, content }: DerElement): Date {
  const digits = /^(\d{10}|\d{12})\d\dZ$/.exec(content.toString('latin1'))?.[0].slice(0, -1)
  if (digits === undefined || (tag === DER.utcTime) !== (digits.length === 12)) throw new DerError('no time')
  // RFC 5280: two digits mean 1950 to 2049.
  const whole = tag === DER.utcTime ? `${Number(digits.slice(0, 2)) < 50 ? '20' : '19'}${digits}` : digits
  const time = new Date(whole.replace(/^(....)(..)(..)(..)(..)(..)$/, '$1-$2-$3T$4:$5:$6Z'))
  if (Number.isNaN(time.getTime()) || time.toISOString().replaceAll(/\D/g, '').slice(0, 14) !== whole) throw new DerError('no time')
  return time
}

const encodings: Readonly<Record<number, (bytes: Buffer) => string>> = {
  0x0c: (bytes) => bytes.toString('utf8'), 0x12: latin, 0x13: latin, 0x14: latin, 0x16: latin, 0x1a: latin,
  0x1c: (bytes) => wide(bytes, 4), 0x1e: (bytes) => wide(bytes, 2),
}

function latin(bytes: Buffer): string {
  return bytes.toString('latin1')
}

function wide(bytes: Buffer, size: number): string {
  if (bytes.length % size !== 0) throw new DerError('half a character')
  let text = ''
  for (let at = 0; at < bytes.length; at += size) {
    const code = bytes.readUIntBE(at, size)
    if (code > 0x10_ffff) throw new DerError('no character')
    text += size === 2 ? String.fromCharCode(code) : String.fromCodePoint(code)
  }
  return text
}

/** A text in any of ASN.1's alphabets; of another value its bytes in hexadecimal. @throws DerError */
export function textOf({ tag, content }: DerElement): string {
  return encodings[tag]?.(content) ?? content.toString('hex')
}
